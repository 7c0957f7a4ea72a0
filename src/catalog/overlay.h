/* For: laying one map over another as RFC 7396 says, while remembering what was unset, so that it can be laid over a
 * third. Owner: the result lives in the arena; patch is shared into it. Fast for maps of any size. Use: joined =
 * overlay_on(a, declared, configured); a null in joined is to be read as "not there". */
#ifndef SHUNT_CATALOG_OVERLAY_H
#define SHUNT_CATALOG_OVERLAY_H

#include "catalog/node.h"

/* Maps merge, anything else replaces, and a null of patch stays in the result as a null: an overlay that unsets a
 * client must also unset what a rule file declares by that name, and a condition "deleted_at: null" must not get lost.
 * target is changed and may be NULL. NULL when out of memory. */
node *overlay_on(arena *a, node *target, node *patch);

#endif
