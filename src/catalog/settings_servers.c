/* The options of a connection to a server, one row each: libpq's (up to PostgreSQL 18) and those of src/driver/mysql. A
 * driver reads the options when it connects. The rows find a misspelt option, or a value that the driver would refuse,
 * when the application is opened. A test compares the rows with libpq's list. */
#include "catalog/settings.h"

#define BOUNDS(from, to) .least = (from), .most = (to)
#define NUMBER(from, to) .type = SCHEMA_INTEGER, BOUNDS(from, to)
#define SECONDS .type = SCHEMA_DURATION, .bare_ms = 1000
#define MILLISECONDS .type = SCHEMA_DURATION, .bare_ms = 1
#define TEXT .type = SCHEMA_TEXT
#define BOOLEAN .type = SCHEMA_BOOLEAN
#define WORD(list) .type = SCHEMA_WORD, .words = (list)
#define IS(yaml) .fallback = (yaml)
#define SAYS(text) .reload = SCHEMA_POOLS, .sentence = (text)
#define END                                                                                                            \
  { .key = NULL }

enum { MOST_PORT = 65535, DAY_MS = 24 * 60 * 60 * 1000 };

/* ---- pg ---- */

static const char *const sslmodes[] = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full", NULL};
static const char *const wishes[] = {"disable", "prefer", "require", NULL};
static const char *const negotiations[] = {"postgres", "direct", NULL};
static const char *const certmodes[] = {"disable", "allow", "require", NULL};
static const char *const balances[] = {"disable", "random", NULL};
static const char *const targets[] = {"any", "read-write", "read-only", "primary", "standby", "prefer-standby", NULL};

static const schema_field pg_rows[] = {
    {"url", TEXT,
     SAYS("postgresql://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE, or OPTION=VALUE …. "
          "The other keys win over it.")},
    {"host", TEXT,
     SAYS("Host, or a list a,b that is tried in turn. One that begins with / is the folder of a Unix "
          "socket.")},
    {"hostaddr", TEXT, SAYS("The numeric address of the host.")},
    {"port", NUMBER(1, MOST_PORT), .list = true, IS("5432"), SAYS("Port, or a list with one for each host.")},
    {"database", .alias = "dbname", TEXT, .unset = "the user", SAYS("Database.")},
    {"user", TEXT, SAYS("User.")},
    {"password", TEXT, SAYS("Password.")},
    {"passfile", TEXT, .unset = "~/.pgpass", SAYS("File with passwords.")},
    {"service", TEXT, SAYS("Service, whose options are read from a service file. The other keys win over it.")},
    {"servicefile", TEXT, SAYS("The service file.")},
    {"sslmode", WORD(sslmodes), IS("prefer"), SAYS("Whether to use TLS, and how much of the certificate to verify.")},
    {"sslnegotiation", WORD(negotiations), SAYS("How TLS is negotiated.")},
    {"sslrootcert", TEXT, SAYS("File with the certificates of authorities, or system.")},
    {"sslcert", TEXT, SAYS("File with the client's certificate.")},
    {"sslkey", TEXT, SAYS("File with the client's key, or ENGINE:NAME.")},
    {"sslpassword", TEXT, SAYS("Password of the client's key.")},
    {"sslcertmode", WORD(certmodes), SAYS("Whether the client sends its certificate.")},
    {"sslcrl", TEXT, SAYS("File with revoked certificates.")},
    {"sslcrldir", TEXT, SAYS("Folder with revoked certificates.")},
    {"sslsni", NUMBER(0, 1), IS("1"), SAYS("Whether TLS sends the host's name.")},
    {"sslcompression", NUMBER(0, 1), IS("0"), SAYS("Whether TLS compresses.")},
    {"sslkeylogfile", TEXT, SAYS("File that the keys of TLS are written to, for debugging.")},
    {"ssl_min_protocol_version", TEXT, IS("TLSv1.2"), SAYS("Lowest version of TLS.")},
    {"ssl_max_protocol_version", TEXT, SAYS("Highest version of TLS.")},
    {"min_protocol_version", TEXT, SAYS("Lowest version of PostgreSQL's protocol.")},
    {"max_protocol_version", TEXT, SAYS("Highest version of PostgreSQL's protocol.")},
    {"channel_binding", WORD(wishes), IS("prefer"), SAYS("Whether the password's exchange is bound to TLS.")},
    {"require_auth", TEXT, SAYS("Authentication methods that the server may ask for.")},
    {"requirepeer", TEXT, SAYS("Operating-system user that the server must run as (Unix socket).")},
    {"scram_client_key", TEXT, SAYS("SCRAM client key in place of a password.")},
    {"scram_server_key", TEXT, SAYS("SCRAM server key in place of a password.")},
    {"gssencmode", WORD(wishes), IS("prefer"), SAYS("Whether to encrypt with GSSAPI.")},
    {"gssdelegation", NUMBER(0, 1), IS("0"), SAYS("Whether GSSAPI credentials are passed on.")},
    {"gsslib", TEXT, SAYS("GSSAPI library.")},
    {"krbsrvname", TEXT, IS("postgres"), SAYS("Kerberos service.")},
    {"oauth_issuer", TEXT, SAYS("OAuth issuer.")},
    {"oauth_client_id", TEXT, SAYS("OAuth client.")},
    {"oauth_client_secret", TEXT, SAYS("Secret of the OAuth client.")},
    {"oauth_scope", TEXT, SAYS("OAuth scope.")},
    {"connect_timeout", SECONDS, IS("10s"), SAYS("Limit for each host, in whole seconds; 0: none.")},
    {"keepalives", NUMBER(0, 1), IS("1"), SAYS("Whether TCP keepalives are on.")},
    {"keepalives_idle", SECONDS, IS("30s"), SAYS("Silence before the first keepalive.")},
    {"keepalives_interval", SECONDS, IS("10s"), SAYS("Time between keepalives.")},
    {"keepalives_count", NUMBER(0, INT32_MAX), IS("3"), SAYS("Keepalives without an answer that end a connection.")},
    {"tcp_user_timeout", MILLISECONDS, IS("30s"), SAYS("Limit for data that the server has not confirmed.")},
    {"target_session_attrs", WORD(targets), IS("any"), SAYS("Which of several hosts is acceptable.")},
    {"load_balance_hosts", WORD(balances), SAYS("Whether the hosts are tried in random order.")},
    {"application_name", TEXT, IS("shunt"), SAYS("Name that the server shows.")},
    {"fallback_application_name", TEXT, SAYS("Name without application_name and PGAPPNAME.")},
    {"options", TEXT, SAYS("Settings of the server, such as -c search_path=shop.")},
    {"client_encoding", TEXT, .unset = "always UTF8", SAYS("Ignored: texts are UTF-8.")},
    {"replication", TEXT, SAYS("Replication protocol; not for queries.")},
    {"prepare", BOOLEAN, IS("true"),
     SAYS("Whether the server keeps prepared statements. false: behind PgBouncer in transaction mode.")},
    END};
const schema schema_pg = {pg_rows, .engine = "pg", .spelled = true};

/* ---- mysql ---- */

static const char *const ssl_modes[] = {"disabled", "preferred", "required", "verify_ca", "verify_identity", NULL};
static const char *const charsets[] = {"utf8mb4", NULL};

static const schema_field mysql_rows[] = {
    {"url", TEXT,
     SAYS("mysql://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE, also mariadb://. "
          "The other keys win over it.")},
    {"host", TEXT, SAYS("Host. localhost is the Unix socket that the client library knows, 127.0.0.1 is TCP.")},
    {"port", NUMBER(0, MOST_PORT), .unset = "3306", SAYS("Port.")},
    {"socket", .alias = "unix_socket", TEXT, SAYS("Unix socket, in place of host and port.")},
    {"user", .alias = "username", TEXT, SAYS("User.")},
    {"password", TEXT, SAYS("Password.")},
    {"database", .alias = "dbname", TEXT, SAYS("Database.")},
    {"connect_timeout", SECONDS, BOUNDS(0, DAY_MS), IS("10s"), SAYS("Limit, in whole seconds.")},
    {"read_timeout", SECONDS, BOUNDS(0, DAY_MS), .unset = "none", SAYS("Limit for each read, in whole seconds.")},
    {"write_timeout", SECONDS, BOUNDS(0, DAY_MS), .unset = "none", SAYS("Limit for each write, in whole seconds.")},
    {"charset", WORD(charsets), IS("utf8mb4"), SAYS("Texts are UTF-8, whatever a table keeps them in.")},
    {"sql_mode", TEXT, .unset = "NO_ZERO_DATE,NO_ZERO_IN_DATE,ONLY_FULL_GROUP_BY",
     SAYS("SQL modes beside the strict ones, which are always on. ALLOW_INVALID_DATES and NO_UNSIGNED_SUBTRACTION are "
          "possible, too.")},
    {"compress", BOOLEAN, IS("false"), SAYS("Compresses the connection.")},
    {"application_name", .alias = "program_name", TEXT, IS("shunt"), SAYS("Connection attribute program_name.")},
    {"option_file", .alias = "defaults_file", TEXT, SAYS("A MySQL option file. The other keys win over it.")},
    {"option_group", .alias = "defaults_group", TEXT,
     SAYS("A group of the option file, or of the usual files, to read beside [client].")},
    {"ssl_mode", WORD(ssl_modes), .unset = "verify_ca with ssl_ca or ssl_capath, otherwise the library's",
     SAYS("Whether to use TLS, and how much of the certificate to verify.")},
    {"ssl_ca", TEXT, SAYS("File with the certificates of authorities.")},
    {"ssl_capath", TEXT, SAYS("Folder with the certificates of authorities.")},
    {"ssl_cert", TEXT, SAYS("File with the client's certificate.")},
    {"ssl_key", TEXT, SAYS("File with the client's key.")},
    {"ssl_cipher", TEXT, SAYS("Ciphers of TLS.")},
    {"ssl_crl", TEXT, SAYS("File with revoked certificates.")},
    {"tls_version", TEXT, SAYS("Versions of TLS.")},
    {"server_public_key_path", .alias = "server_public_key", TEXT,
     SAYS("File with the server's key, which encrypts the password without TLS.")},
    {"get_server_public_key", BOOLEAN, IS("false"), SAYS("Asks the server for that key.")},
    {"auth_plugins", TEXT,
     SAYS("Authentication plugins that the server may ask for beside the usual ones, such as mysql_clear_password.")},
    END};
const schema schema_mysql = {mysql_rows, .engine = "mysql", .spelled = true, .loose = true};
