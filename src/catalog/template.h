/* For: the values of session variables: texts with placeholders that each session fills in, ${instance},
 * ${instance.id},
 * ${env} and ${attrs.NAME}. $${ stands for ${.
 * Owner: pieces borrow the template.
 * Use: for (const char *at = template; template_next(&at, &piece);) … */
#ifndef SHUNT_CATALOG_TEMPLATE_H
#define SHUNT_CATALOG_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum cat_placeholder {
  CAT_NO_PLACEHOLDER,
  CAT_INSTANCE_NAME,
  CAT_INSTANCE_NUMBER,
  CAT_ENVIRONMENT,
  CAT_ATTRIBUTE
} cat_placeholder;

/* Of the text between the braces. */
cat_placeholder cat_placeholder_of(const char *text, size_t size);

typedef struct template_piece {
  cat_placeholder is;
  const char *text; /* CAT_NO_PLACEHOLDER: the text itself; CAT_ATTRIBUTE: the attribute's name */
  size_t size;
  bool wrong; /* ${ begins something else: the text is what follows it */
} template_piece;

/* False at the end. */
bool template_next(const char **at, template_piece *out);
/* Whether all sessions get the same. */
bool template_is_fixed(const char *text);

#endif
