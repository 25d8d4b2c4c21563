/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEXFS_CONF_OPTS_H
#define CDX_CODEXFS_CONF_OPTS_H

#include <stdbool.h>

#include "codexfs/cli.h"
#include "node/conf.h"

/* The keys of codexfs.conf(5) as options, for who starts a process that has a
 * configuration: `node`, `mount`, and `config`, which shows it. */

enum {
	CLI_OPT_CONFIG = 512,
	CLI_OPT_CONF_KEY, /* and the keys after it */
};
#define CLI_CONF_OPT(key) (CLI_OPT_CONF_KEY + (int)(key))

/* a table, one option on a line */
/* clang-format off */
#define CLI_CONF_OPTIONS \
	{"config", required_argument, NULL, CLI_OPT_CONFIG},		\
	{"listen", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_LISTEN)}, \
	{"announce", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_ANNOUNCE)}, \
	{"nat", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_NAT)},	\
	{"network", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_NETWORK)}, \
	{"bootstrap", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_BOOTSTRAP)}, \
	{"dht", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_DHT)},	\
	{"dht-port", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_DHT_PORT)}, \
	{"peer", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_PEER)},	\
	{"cache", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_CACHE)}, \
	{"upload", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_UPLOAD)}, \
	{"upload-a-peer", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_UPLOAD_A_PEER)}, \
	{"tls-cert", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_TLS_CERT)}, \
	{"tls-key", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_TLS_KEY)}, \
	{"read-timeout", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_READ_TIMEOUT)}, \
	{"api", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_API)},	\
	{"api-token-file", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_API_TOKEN_FILE)}, \
	{"origin", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_ORIGIN)}, \
	{"market", optional_argument, NULL, CLI_CONF_OPT(CDX_CONF_MARKET)}, \
	{"budget", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_BUDGET)}, \
	{"buy-price", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_BUY_PRICE)}, \
	{"buy-max-price", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_BUY_MAX_PRICE)}, \
	{"buy-collateral", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_BUY_COLLATERAL)}, \
	{"buy-duration", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_BUY_DURATION)}, \
	{"buy-expiry", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_BUY_EXPIRY)}, \
	{"buy-proof-probability", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_BUY_PROOF_PROBABILITY)}, \
	{"buy-min", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_BUY_MIN)}, \
	{"buy-max-age", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_BUY_MAX_AGE)}, \
	{"renew-before", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_RENEW_BEFORE)}, \
	{"live", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_LIVE)}, \
	{"margin", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_MARGIN)}, \
	{"patrol", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_PATROL)}, \
	{"provide", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_PROVIDE)}, \
	{"price", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_PRICE)}, \
	{"collateral", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_COLLATERAL)}, \
	{"max-duration", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_MAX_DURATION)}, \
	{"until", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_UNTIL)}, \
	{"slots-a-request", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_SLOTS_A_REQUEST)}, \
	{"proof-stake", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_PROOF_STAKE)}, \
	{"reward-recipient", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_REWARD_RECIPIENT)}, \
	{"validate", optional_argument, NULL, CLI_CONF_OPT(CDX_CONF_VALIDATE)}, \
	{"validate-groups", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_VALIDATE_GROUPS)}, \
	{"validate-group", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_VALIDATE_GROUP)}, \
	{"validate-slots", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_VALIDATE_SLOTS)}, \
	{"rpc", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_RPC)},	\
	{"chain-id", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_CHAIN_ID)}, \
	{"marketplace", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_MARKETPLACE)}, \
	{"token", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_TOKEN)}, \
	{"verifier", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_VERIFIER)}, \
	{"account", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_ACCOUNT)}, \
	{"account-password-file", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_PASSWORD_FILE)}, \
	{"confirmations", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_CONFIRMATIONS)}, \
	{"poll-ms", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_POLL_MS)}, \
	{"max-fee", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_MAX_FEE)}, \
	{"tip", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_TIP)},	\
	{"zkey-hash", required_argument, NULL, CLI_CONF_OPT(CDX_CONF_ZKEY_HASH)}
/* clang-format on */
#define CLI_CONF_HELP                                                                 \
	"\nIn place of what the configuration says (codexfs.conf(5)):\n"              \
	"  --config FILE         the configuration (default: "                        \
	"$CODEXFS_CONFIG,\n"                                                          \
	"                        STORE/codexfs.conf, " CDX_CONF_SYSTEM ")\n"          \
	"  --listen ADDR:PORT    serve others here; none\n"                           \
	"  --announce ADDRESS    where others reach us; may be given often\n"         \
	"  --nat upnp|none       have the router lead a port here\n"                  \
	"  --network NAME        of its peers alone (codexfs)\n"                      \
	"  --bootstrap HOST:PORT a node of the DHT (UDP); may be given often\n"       \
	"  --dht yes|no          be a node of the DHT\n"                              \
	"  --dht-port PORT       of UDP (8090); 0: any\n"                             \
	"  --peer ADDRESS        ask this peer too; may be given often\n"             \
	"  --cache SIZE          for what was fetched (1/16 of the quota, at\n"       \
	"                        most 1G)\n"                                          \
	"  --upload BYTES        a second, for all others; 0: no limit\n"             \
	"  --upload-a-peer BYTES a second, for each of them\n"                        \
	"  --tls-cert FILE       serve with TLS\n"                                    \
	"  --tls-key FILE        its key\n"                                           \
	"  --read-timeout S      a read that waits longer for others fails (60)\n"    \
	"  --api ADDR:PORT       REST for programs here; none\n"                      \
	"  --api-token-file FILE its token (STORE/api-token)\n"                       \
	"  --origin URL          a web page that may use it; may be given often\n"    \
	"and of the chain, as in codexfs chain --help:\n"                             \
	"  --rpc URL, --chain-id N,\n"                                                \
	"  --marketplace ADDRESS, --token ADDRESS, --verifier ADDRESS,\n"             \
	"  --account words|FILE, --account-password-file FILE,\n"                     \
	"  --confirmations N, --poll-ms N, --max-fee GWEI, --tip GWEI,\n"             \
	"  --zkey-hash HEX\n"                                                         \
	"and of the market, as in codexfs.conf(5):\n"                                 \
	"  --market              buy storage for this volume; needs --budget\n"       \
	"  --budget TOKENS       for 30 days, or none for no limit\n"                 \
	"  --buy-price N, --buy-max-price N, --buy-collateral N,\n"                   \
	"  --buy-duration TIME, --buy-expiry TIME, --buy-proof-probability N,\n"      \
	"  --buy-min SIZE, --buy-max-age TIME, --renew-before TIME,\n"                \
	"  --live PERCENT, --margin SLOTS, --patrol TIME\n"                           \
	"  --provide SIZE        sell so much storage; needs --collateral\n"          \
	"  --price N             least a byte and second, in the token's units (1)\n" \
	"  --collateral TOKENS   that may be at risk in all\n"                        \
	"  --until DATE          nothing is sold that ends later\n"                   \
	"  --max-duration TIME, --slots-a-request N, --proof-stake ETHER,\n"          \
	"  --reward-recipient ADDRESS\n"                                              \
	"  --validate            mark missing proofs of all, or of a group:\n"        \
	"  --validate-groups N, --validate-group N, --validate-slots N\n"

struct cli_conf {
	struct cdx_conf options; /* what they say; not the file */
	const char *file;	 /* --config */
	bool of_node; /* an option of another section than [chain] was given */
	/* by cli_conf_load */
	struct cdx_conf all; /* with the file */
	struct cdx_conf_node node;
	struct cdx_conf_api api;
	struct cdx_conf_market market;
};

/* One result of getopt_long: 1 it was one of ours, 0 it was not; -EINVAL,
 * -ENOMEM, told */
CDX_MUST_CHECK int cli_conf_option(struct cli_conf *c, int opt);
/**
 * cli_conf_load - read the file, and what it means with the options
 *
 * @store:   directory, or NULL
 * @is_node: what nobody says is as `node` has it, not as a mount
 * @why:     CDX_CONF_WHY_MAX bytes; file and line where there are any
 *
 * Sections [node], [api] and [market] are checked whole.  Errors of
 * cdx_conf_find, cdx_conf_read, cdx_conf_node; then they are as if nothing was
 * said.
 */
CDX_MUST_CHECK int cli_conf_load(struct cli_conf *c, const char *store,
				 bool is_node, char *why);
/* An all-zero one too */
void cli_conf_free(struct cli_conf *c);

/* Prints the values that a configuration has, as a file with where each is
 * from.  @values: as the control socket has them */
void cli_conf_print(const json_t *values);

#endif
