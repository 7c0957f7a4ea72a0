/* For: tests of hostile servers: the ways in which one may ask for the password, and how the client should take it.
 * Owner: nothing here is owned.
 * Use: fake_way_of(c) is the way of a case, or NULL. */
#ifndef SHUNT_TESTS_MYSQL_WAYS_H
#define SHUNT_TESTS_MYSQL_WAYS_H

#include <string.h>

#include "unit/driver/peer.h"

#define FAKE_PASSWORD "opensesame"
#define FAKE_USER "alibaba"

typedef struct fake_way {
  const char *behaviour;
  const char *ssl_mode, *auth_plugins, *get_key; /* options of the client. NULL: not given */
  const char *greets;                            /* the plugin of the greeting. NULL: mysql_native_password */
  const char *switches;                          /* the plugin that it asks for then; "": the oldest. NULL: none */
  const char *more;                              /* what it says next, before its key. NULL: that it is content */
  size_t more_size;
  bool fine;           /* the client is let in */
  const char *want;    /* otherwise it notes this */
  const char *unheard; /* the server never gets it. NULL: the password */
} fake_way;

/* A key of the server's own. */
static const char fake_key[] = "\1"
                               "-----BEGIN PUBLIC KEY-----\n"
                               "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyE4X/nMCJmMm8v6zGGAN\n"
                               "t+jtp90DcWV+eRYYsr0INdWL/BXlyaNGifiVdEdNBJVa4HdP18YYQVzmrCPjb1C+\n"
                               "UQsatHt3IhBn5WPXCcp4KOJzh0KilYxxBchaljRE/GsC4te98yqqA90yuiLQwk6K\n"
                               "z3MHzhGrOY78xPLRStPNylfPkMYHD2v+aIndYBp0oR+ClQ4/p2MCFCFsxeWRvcjn\n"
                               "7p1U6naXZjAbhmZml9PAb8rWVyAveL0h1QHFGyVQ5zJuxx6UMNGa9viFh5d4agTe\n"
                               "6Wcu59RzJeem128DmRC+IvVk54b/qQpSBttmZjb9Gn2RR8J7s9r/0k8QzDCy4Ic8\n"
                               "SwIDAQAB\n"
                               "-----END PUBLIC KEY-----\n";

#define CLEAR "mysql_clear_password"
#define SHA2 "caching_sha2_password"
#define SHA256 "sha256_password"
#define SAYS(bytes) .more = (bytes), .more_size = sizeof(bytes) - 1
#define NO_TLS .want = "does not offer TLS", .unheard = FAKE_USER
#define UNNAMED .want = "which auth_plugins must name"
#define ITSELF .want = "the password itself, which needs TLS"
#define FINE .fine = true

static const fake_way fake_ways[] = {
    /* the client requires TLS, and the server has no TLS */
    {"has no TLS, which is required", "required", NO_TLS},
    {"has no TLS, which is to be verified", "verify_ca", NO_TLS},
    {"has no TLS, and is to be the right one", "verify_identity", NO_TLS},
    {"has no TLS, and greets with a clear password", "required", CLEAR, .greets = CLEAR, NO_TLS},
    {"has no TLS, and switches to a clear password", "required", CLEAR, .switches = CLEAR, NO_TLS},
    {"has no TLS, and greets with dialog", "required", .greets = "dialog", NO_TLS},
    {"has no TLS, and switches to dialog", "required", .switches = "dialog", NO_TLS},
    {"has no TLS, which is preferred", "preferred", FINE},
    {"promises TLS and has none", "required", .want = "open: SHUNT_E_DATASOURCE", .unheard = FAKE_USER},
    /* plugins that nothing names */
    {"greets with a clear password", .greets = CLEAR, UNNAMED},
    {"switches to a clear password", .switches = CLEAR, UNNAMED},
    {"switches to a clear password without TLS", "disabled", .switches = CLEAR, UNNAMED},
    {"greets with dialog", .greets = "dialog", .want = "is never used"},
    {"switches to dialog", .switches = "dialog", .want = "is never used"},
    {"switches to dialog, which is not named", "disabled", CLEAR, .switches = "dialog", .want = "is never used"},
    {"greets with an unknown plugin", .greets = "evil", UNNAMED},
    {"switches to an unknown plugin", .switches = "evil", UNNAMED},
    {"switches to a part of a usual plugin", .switches = "password", UNNAMED},
    {"switches to a plugin in other letters", .switches = "Caching_SHA2_Password", UNNAMED},
    {"switches to a plugin elsewhere", .switches = "../../../tmp/evil", UNNAMED},
    {"switches to a plugin with a long name",
     .switches = "evil_evil_evil_evil_evil_evil_evil_evil_evil_evil_evil_evil"
                 "_evil_evil_evil_evil",
     UNNAMED},
    {"switches to a plugin with a colourful name", .switches = "\33[31mevil", UNNAMED, .unheard = "\33"},
    {"switches to the oldest passwords", .switches = "", UNNAMED},
    {"switches to old passwords", .switches = "mysql_old_password", UNNAMED},
    /* plugins that are named */
    {"switches to a clear password, which is named", "preferred", CLEAR, .switches = CLEAR,
     .want = "in clear on a connection without TLS"},
    {"greets with a clear password, which is named", .auth_plugins = CLEAR, .greets = CLEAR,
     .want = "in clear on a connection without TLS"},
    {"may have a clear password", "disabled", "auth_gssapi_client," CLEAR, .switches = CLEAR, FINE, .unheard = "\33"},
    /* passwords that TLS is to hide */
    {"wants all of a sha2 password", .switches = SHA2, SAYS("\1\4"), ITSELF},
    {"wants all of a sha2 password where TLS is preferred", "preferred", .switches = SHA2, SAYS("\1\4"), ITSELF},
    {"wants all of a sha2 password where TLS is off", "disabled", .switches = SHA2, SAYS("\1\4"), ITSELF},
    {"greets with sha2, and wants all", "preferred", .greets = SHA2, SAYS("\1\4"), ITSELF},
    {"wants all of a sha2 password, barely", "preferred", .switches = SHA2, SAYS("\4"), ITSELF},
    {"wants all of a sha2 password, oddly", "preferred", .switches = SHA2, SAYS("\1\4\4"), ITSELF},
    {"wants all of a sha2 password, in other words", "preferred", .switches = SHA2, SAYS("\0\0\0\2\0\0\0"), ITSELF},
    {"wants no more of a sha2 password", "preferred", .switches = SHA2, .want = "the password itself, which needs TLS"},
    {"wants a sha256 password", .switches = SHA256, SAYS("\1"), ITSELF},
    {"greets with sha256", "preferred", .greets = SHA256, SAYS("\1"), ITSELF},
    {"wants a sha2 password with its key", "disabled", NULL, "true", .switches = SHA2, SAYS("\1\4"), FINE},
    {"wants a sha256 password with its key", "preferred", NULL, "true", .switches = SHA256, .want = "open: "},
};

#undef CLEAR
#undef SHA2
#undef SHA256
#undef SAYS
#undef NO_TLS
#undef UNNAMED
#undef ITSELF
#undef FINE

static inline const fake_way *fake_way_of(const peer_case *c) {
  for (size_t i = 0; c->behaviour && i < sizeof fake_ways / sizeof *fake_ways; i++)
    if (strcmp(fake_ways[i].behaviour, c->behaviour) == 0) return &fake_ways[i];
  return NULL;
}

#endif
