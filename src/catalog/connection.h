/* For: merging the settings of a client over those that it starts from: the place that the nearer layer names wins,
 * also if one of them names it in a url.
 * Owner: as in overlay.h: the result lives in the arena, target changes, patch is shared.
 * Use: body = client_overlay(a, inherited, own); config = config_overlay(a, app_config, overlay);
 *
 * In one layer, keys win over the url beside them, and so they do in a merged one. So a url that is laid over keys
 * first removes those that it gives itself. A url with a host also removes the port, the numeric address, the socket
 * and the service of the other host; and the password, if that stands beside another server or user than the url names.
 * A url with a service removes what the key does. What the url leaves open is inherited. */
#ifndef SHUNT_CATALOG_CONNECTION_H
#define SHUNT_CATALOG_CONNECTION_H

#include "catalog/node.h"

/* The bodies of clients; target may be NULL. NULL when out of memory. */
node *client_overlay(arena *a, node *target, node *patch);
/* Whole configurations: overlay_on, with client_overlay for clients and database.base. */
node *config_overlay(arena *a, node *target, node *patch);

#endif
