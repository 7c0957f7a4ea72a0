/* For: merging one map into another as RFC 7396 says, but with nulls kept, so that the result can be merged into a
 * third. Owner: the result lives in the arena; it shares the nodes of patch. Fast for maps of any size. Use: joined =
 * overlay_on(a, declared, configured); a null in joined means "not there". */
#ifndef SHUNT_CATALOG_OVERLAY_H
#define SHUNT_CATALOG_OVERLAY_H

#include "catalog/node.h"

/* Maps merge, any other value replaces. A null of patch stays in the result: an overlay that unsets a client must also
 * unset the datasource of that name in a rule file, and a condition "deleted_at: null" must not get lost. Changes
 * target, which may be NULL. NULL when out of memory. */
node *overlay_on(arena *a, node *target, node *patch);

#endif
