/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf_kit.h"

/* codexfs.conf: what is taken, what is refused and in which words */

static void test_all_keys(void **state)
{
	static const char text[] =
		"; a comment, and a byte order mark is none\n"
		"# another\n"
		"\n"
		"[chain]\n"
		"rpc = http://127.0.0.1:8545 , https://a.example/x ; two\r\n"
		"  rpc = http://third.example\n"
		"chain-id = 31337\n"
		"marketplace: " ADDRESS "\n"
		"token = 0x00000000000000000000000000000000000000aa\n"
		"verifier = 0x00000000000000000000000000000000000000BB\n"
		"account = keys/client.json\n"
		"account-password-file = /etc/secret\n"
		"confirmations = 7\n"
		"poll-ms = 250\n"
		"max-fee = 12.5\n"
		"tip = 0.000000001\n"
		"zkey-hash = 00112233445566778899aabbccddeeff"
		"00112233445566778899aabbccddeeff\n";
	char why[CDX_CONF_WHY_MAX];
	char wanted[256];
	char from[256];
	struct cdx_conf c = {0};
	struct cdx_conf_chain v;
	char hex[CDX_ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(read_text(&c, text, why), 0);
	assert_string_equal(c.file, path);
	assert_int_equal(cdx_conf_chain(&c, &v), 0);
	assert_int_equal(v.n_rpc, 3);
	assert_string_equal(v.rpc[0], "http://127.0.0.1:8545");
	assert_string_equal(v.rpc[1], "https://a.example/x");
	assert_string_equal(v.rpc[2], "http://third.example");
	assert_int_equal(v.chain_id, 31337);
	cdx_addr_text(hex, &v.marketplace);
	assert_string_equal(hex, ADDRESS);
	assert_true(v.has_marketplace && v.has_token && v.has_verifier);
	assert_int_equal(v.token.b[19], 0xaa);
	assert_int_equal(v.verifier.b[19], 0xbb);
	/* a path is one from the folder of the file */
	snprintf(wanted, sizeof(wanted), "%s/keys/client.json", folder);
	assert_string_equal(v.account, wanted);
	assert_string_equal(v.password_file, "/etc/secret");
	assert_int_equal(v.confirmations, 7);
	assert_int_equal(v.poll_ms, 250);
	assert_int_equal(v.max_fee.v[0], 12500000000u);
	assert_int_equal(v.tip.v[0], 1);
	assert_true(v.has_zkey_hash);
	assert_int_equal(v.zkey_hash.b[1], 0x11);
	cdx_conf_chain_free(&v);
	snprintf(from, sizeof(from), "%s:7", path);
	assert_shown(&c, CDX_CONF_CHAIN_ID, "31337", from);
	cdx_conf_free(&c);
}

static void test_defaults(void **state)
{
	char why[CDX_CONF_WHY_MAX];
	struct cdx_conf c = {0};
	struct cdx_conf_chain v;

	(void)state;
	assert_int_equal(read_text(&c, "", why), 0);
	assert_int_equal(cdx_conf_chain(&c, &v), 0);
	assert_int_equal(v.n_rpc, 0);
	assert_int_equal(v.chain_id, 0);
	assert_false(v.has_marketplace || v.has_token || v.has_verifier ||
		     v.has_zkey_hash);
	assert_null(v.account);
	assert_null(v.password_file);
	assert_int_equal(v.confirmations, 3);
	assert_int_equal(v.poll_ms, 1000);
	assert_int_equal(v.max_fee.v[0], 200000000000u);
	assert_int_equal(v.tip.v[0], 1000000000u);
	cdx_conf_chain_free(&v);
	assert_shown(&c, CDX_CONF_ACCOUNT, "words", "default");
	assert_shown(&c, CDX_CONF_RPC, NULL, "default");
	cdx_conf_free(&c);
}

static void test_refused(void **state)
{
	char line[600];

	(void)state;
	refuses("[chian]\n", 1, "there is no section [chian]");
	refuses("[chain]\nrpc = http://a\n\n[other]\nx = 1\n", 4,
		"there is no section [other]");
	refuses("[chain]\nnonsense = 1\n", 2,
		"there is no key nonsense in section [chain]");
	refuses("chain-id = 1\n", 1, "before the first section");
	refuses("[chain]\nchain-id\n", 2, "neither [section]");
	refuses("[chain]\nwhat is this\nchain-id = x\n", 2,
		"neither [section]");
	refuses("[chain]\nchain-id = x\nwhat is this\n", 2,
		"chain-id is a whole number");
	refuses("[chain\n", 1, "neither [section]");
	refuses("[chain]\nchain-id =\n", 2, "has no value");
	refuses("[chain]\nchain-id = 1\ntip = 1\nchain-id = 1\n", 4,
		"chain-id is there already, in line 2");
	/* two sections of one name are one */
	refuses("[chain]\ntip = 1\n[chain]\ntip = 2\n", 4, "in line 2");
	refuses("[chain]\nchain-id = 0\n", 2, "not 0");
	refuses("[chain]\nchain-id = -1\n", 2, "not -1");
	refuses("[chain]\nchain-id = 18446744073709551616\n", 2, "not 1844");
	refuses("[chain]\nchain-id = 0x7a69\n", 2, "not 0x7a69");
	refuses("[chain]\nmarketplace = 0x1234\n", 2, "40 hex digits");
	refuses("[chain]\nmarketplace = "
		"0x322813fd9A801c5507c9de605d63CEA4f2CE6c44\n",
		2, "checksum");
	refuses("[chain]\nconfirmations = 0\n", 2, "from 1 to 1000");
	refuses("[chain]\nconfirmations = 1001\n", 2, "from 1 to 1000");
	refuses("[chain]\npoll-ms = 49\n", 2, "from 50 to 600000");
	refuses("[chain]\npoll-ms = 600001\n", 2, "from 50 to 600000");
	refuses("[chain]\nmax-fee = 0\n", 2, "gwei");
	refuses("[chain]\nmax-fee = 1e3\n", 2, "gwei");
	refuses("[chain]\ntip = 0.0000000001\n", 2, "gwei");
	refuses("[chain]\nzkey-hash = 00\n", 2, "64 hex digits");
	refuses("[chain]\nrpc = ws://a\n", 2, "the URL number 1");
	refuses("[chain]\nrpc = http://a,, ftp://b\n", 2, "the URL number 2");
	refuses("[chain]\nrpc = http://a b\n", 2, "the URL number 1");
	refuses("[chain]\nrpc = ,\n", 2, "a URL");
	refuses("[chain]\nrpc=http://1,http://2,http://3,http://4\n"
		"rpc=http://5,http://6,http://7,http://8\nrpc=http://9\n",
		4, "more than 8 endpoints");
	snprintf(line, sizeof(line), "[chain]\nrpc = http://%0300d\n", 0);
	refuses(line, 2, "longer than");
}

/* What a URL has before its host is a password, and in no message */
static void test_passwords(void **state)
{
	static const char text[] =
		"[chain]\nrpc = http://me:S3CRET@a:1/x@y,http://b\n"
		"rpc = https://S3CRET@c\n";
	char why[CDX_CONF_WHY_MAX];
	struct cdx_conf c = {0};
	struct cdx_conf_chain v;
	char from[200];

	(void)state;
	assert_int_equal(read_text(&c, text, why), 0);
	assert_int_equal(cdx_conf_chain(&c, &v), 0);
	assert_string_equal(v.rpc[0], "http://me:S3CRET@a:1/x@y");
	cdx_conf_chain_free(&v);
	snprintf(from, sizeof(from), "%s:3", path);
	assert_shown(&c, CDX_CONF_RPC,
		     "http://...@a:1/x@y,http://b,https://...@c", from);
	cdx_conf_free(&c);
	assert_true(read_text(&c, "[chain]\nrpc = ftp://me:S3CRET@a\n", why) <
		    0);
	assert_null(strstr(why, "S3CRET"));
	cdx_conf_free(&c);
	assert_int_equal(cdx_conf_option(&c, CDX_CONF_RPC, "http://me:S3CRET@a",
					 why),
			 -EINVAL);
	assert_non_null(strstr(why, "configuration file"));
	assert_null(strstr(why, "S3CRET"));
	cdx_conf_free(&c);
}

static void test_options(void **state)
{
	char why[CDX_CONF_WHY_MAX];
	struct cdx_conf c = {0};
	struct cdx_conf copy;
	struct cdx_conf_chain v;
	char from[200];

	(void)state;
	assert_int_equal(cdx_conf_key_of("tip"), CDX_CONF_TIP);
	assert_int_equal(cdx_conf_key_of("nonsense"), CDX_CONF_KEYS);
	assert_int_equal(cdx_conf_option(&c, CDX_CONF_RPC, "http://o", why), 0);
	assert_int_equal(cdx_conf_option(&c, CDX_CONF_RPC, "http://p", why), 0);
	assert_int_equal(cdx_conf_option(&c, CDX_CONF_TIP, "3", why), 0);
	assert_int_equal(cdx_conf_option(&c, CDX_CONF_TIP, "4", why), 0);
	assert_int_equal(cdx_conf_option(&c, CDX_CONF_TIP, "x", why), -EINVAL);
	assert_string_equal(
		why, "--tip: tip is a number of gwei above 0, like 1.5, not x");
	/* what an option says stands, and a bad value of the file is bad */
	assert_int_equal(read_text(&c,
				   "[chain]\nrpc = http://f\ntip = 5\n"
				   "chain-id = 5\n",
				   why),
			 0);
	assert_int_equal(cdx_conf_copy(&copy, &c), 0);
	cdx_conf_free(&c);
	assert_int_equal(cdx_conf_chain(&copy, &v), 0);
	assert_int_equal(v.n_rpc, 2);
	assert_string_equal(v.rpc[0], "http://o");
	assert_int_equal(v.tip.v[0], 4000000000u);
	assert_int_equal(v.chain_id, 5);
	cdx_conf_chain_free(&v);
	assert_shown(&copy, CDX_CONF_TIP, "4", "--tip");
	snprintf(from, sizeof(from), "%s:4", path);
	assert_shown(&copy, CDX_CONF_CHAIN_ID, "5", from);
	cdx_conf_free(&copy);
	assert_int_equal(cdx_conf_option(&c, CDX_CONF_TIP, "3", why), 0);
	assert_int_equal(read_text(&c, "[chain]\ntip = x\n", why), -EINVAL);
	cdx_conf_free(&c);
}

static void test_paths(void **state)
{
	char why[CDX_CONF_WHY_MAX];
	struct cdx_conf c = {0};
	struct cdx_conf_chain v;
	char wanted[300];
	char cwd[200];

	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(cdx_conf_option(&c, CDX_CONF_ACCOUNT, "words", why),
			 0);
	assert_int_equal(cdx_conf_chain(&c, &v), 0);
	assert_null(v.account);
	cdx_conf_chain_free(&v);
	assert_int_equal(cdx_conf_option(&c, CDX_CONF_ACCOUNT, "./words", why),
			 0);
	assert_int_equal(
		cdx_conf_option(&c, CDX_CONF_PASSWORD_FILE, "words", why), 0);
	assert_int_equal(cdx_conf_chain(&c, &v), 0);
	snprintf(wanted, sizeof(wanted), "%s/./words", cwd);
	assert_string_equal(v.account, wanted);
	snprintf(wanted, sizeof(wanted), "%s/words", cwd);
	assert_string_equal(v.password_file, wanted);
	cdx_conf_chain_free(&v);
	cdx_conf_free(&c);
}

/* Not text, too long, not there */
static void test_bad_files(void **state)
{
	static char big[(64 << 10) + 1];
	char why[CDX_CONF_WHY_MAX] = "";
	struct cdx_conf c = {0};

	(void)state;
	memset(big, '\n', sizeof(big));
	write_file(big, sizeof(big));
	assert_int_equal(cdx_conf_read(&c, path, why), -EFBIG);
	assert_non_null(strstr(why, "64 KiB"));
	write_file(big, sizeof(big) - 1);
	assert_int_equal(cdx_conf_read(&c, path, why), 0);
	cdx_conf_free(&c);
	write_file("[chain]\n\0tip = 1\n", 17);
	assert_int_equal(cdx_conf_read(&c, path, why), -EINVAL);
	assert_non_null(strstr(why, "no text"));
	cdx_conf_free(&c);
	assert_int_equal(cdx_conf_read(&c, "/nowhere/at/all", why), -ENOENT);
	assert_non_null(strstr(why, "/nowhere/at/all"));
	cdx_conf_free(&c);
	/* the last line may lack its end, and a byte order mark is allowed */
	assert_int_equal(read_text(&c, "\xef\xbb\xbf[chain]\ntip = 2", why), 0);
	assert_string_equal(c.value[CDX_CONF_TIP].text, "2");
	cdx_conf_free(&c);
}

static void test_search(void **state)
{
	char why[CDX_CONF_WHY_MAX] = "";
	char *found = NULL;
	char other[200];

	(void)state;
	(void)unlink(path);
	if (access(CDX_CONF_SYSTEM, F_OK) < 0)
		assert_int_equal(cdx_conf_find(&found, NULL, folder, why), 0);
	write_file("", 0);
	assert_int_equal(cdx_conf_find(&found, NULL, folder, why), 1);
	assert_string_equal(found, path);
	free(found);
	setenv("CODEXFS_CONFIG", "/dev/null", 1);
	assert_int_equal(cdx_conf_find(&found, NULL, folder, why), 1);
	assert_string_equal(found, "/dev/null");
	free(found);
	assert_int_equal(cdx_conf_find(&found, path, folder, why), 1);
	assert_string_equal(found, path);
	free(found);
	snprintf(other, sizeof(other), "%s/none", folder);
	assert_int_equal(cdx_conf_find(&found, other, folder, why), -ENOENT);
	assert_non_null(strstr(why, other));
	setenv("CODEXFS_CONFIG", other, 1);
	assert_int_equal(cdx_conf_find(&found, NULL, folder, why), -ENOENT);
	setenv("CODEXFS_CONFIG", "", 1);
	assert_int_equal(cdx_conf_find(&found, NULL, folder, why), 1);
	free(found);
	unsetenv("CODEXFS_CONFIG");
}

/* ---- sections [node] and [api] ---- */

static void test_node_keys(void **state)
{
	static const char text[] =
		"[node]\n"
		"listen = [::]:8070\n"
		"announce = a.example:80, https://b.example:443\n"
		"announce = /ip4/192.0.2.1/tcp/8070/http\n"
		"nat = upnp\n"
		"network = ours\n"
		"bootstrap = dht.example:8090 , [2001:db8::1]:1\n"
		"bootstrap = 192.0.2.9:8090\n"
		"dht = yes\n"
		"dht-port = 0\n"
		"peer = 192.0.2.7:8070\n"
		"cache = 1.5G\n"
		"upload = 10M\n"
		"upload-a-peer = 4096\n"
		"tls-cert = tls/cert.pem\n"
		"tls-key = /etc/key.pem\n"
		"read-timeout = 7\n"
		"[api]\n"
		"api = 127.0.0.1:0\n"
		"api-token-file = token\n"
		"origin = https://app.example, http://localhost:5173\n";
	char why[CDX_CONF_WHY_MAX] = "";
	char wanted[256];
	struct cdx_conf c = {0};
	struct cdx_conf_node n;
	struct cdx_conf_node copy;
	struct cdx_conf_api a;

	(void)state;
	assert_int_equal(read_text(&c, text, why), 0);
	assert_int_equal(cdx_conf_node(&c, &n, why), 0);
	assert_int_equal(cdx_conf_node_copy(&copy, &n), 0);
	cdx_conf_node_free(&n);
	assert_string_equal(copy.listen, "[::]:8070");
	assert_int_equal(copy.n_announce, 3);
	assert_string_equal(copy.announce[1].host, "b.example");
	assert_true(copy.announce[1].tls);
	assert_int_equal(copy.announce[2].kind, CDX_MADDR_IP4);
	assert_int_equal(copy.nat, CDX_NAT_UPNP);
	assert_string_equal(copy.network, "ours");
	assert_int_equal(copy.n_bootstrap, 3);
	assert_string_equal(copy.bootstrap[0], "dht.example:8090");
	assert_string_equal(copy.bootstrap[1], "[2001:db8::1]:1");
	assert_string_equal(copy.bootstrap[2], "192.0.2.9:8090");
	assert_true(copy.dht);
	assert_int_equal(copy.dht_port, 0);
	assert_false(copy.dht_port_any);
	assert_int_equal(copy.n_peers, 1);
	assert_int_equal(copy.peer[0].port, 8070);
	assert_true(copy.has_cache);
	assert_true(copy.cache == UINT64_C(3) << 29);
	assert_true(copy.upload == 10u << 20);
	assert_true(copy.upload_a_peer == 4096);
	snprintf(wanted, sizeof(wanted), "%s/tls/cert.pem", folder);
	assert_string_equal(copy.tls_cert, wanted);
	assert_string_equal(copy.tls_key, "/etc/key.pem");
	assert_int_equal(copy.read_timeout_s, 7);
	assert_true(cdx_conf_wants_peers(&copy));
	cdx_conf_node_free(&copy);
	assert_int_equal(cdx_conf_api(&c, &a, why), 0);
	assert_string_equal(a.listen, "127.0.0.1:0");
	snprintf(wanted, sizeof(wanted), "%s/token", folder);
	assert_string_equal(a.token_file, wanted);
	assert_int_equal(a.n_origins, 2);
	assert_string_equal(a.origin[1], "http://localhost:5173");
	cdx_conf_api_free(&a);
	cdx_conf_free(&c);
}

/* A mount is alone unless it is told otherwise; a node is not. */
static void test_node_defaults(void **state)
{
	char why[CDX_CONF_WHY_MAX] = "";
	struct cdx_conf c = {0};
	struct cdx_conf_node n;
	struct cdx_conf_api a;

	(void)state;
	assert_int_equal(cdx_conf_node(&c, &n, why), 0);
	assert_null(n.listen);
	assert_false(n.dht || n.has_cache || cdx_conf_wants_peers(&n));
	assert_string_equal(n.network, "codexfs");
	assert_int_equal(n.read_timeout_s, 60);
	cdx_conf_node_free(&n);
	assert_int_equal(cdx_conf_api(&c, &a, why), 0);
	assert_null(a.listen);
	cdx_conf_api_free(&a);
	assert_int_equal(cdx_conf_node_defaults(&c), 0);
	assert_int_equal(cdx_conf_node(&c, &n, why), 0);
	assert_string_equal(n.listen, "0.0.0.0:8070");
	assert_true(n.dht && n.dht_port_any);
	assert_int_equal(n.dht_port, 8090);
	cdx_conf_node_free(&n);
	assert_int_equal(cdx_conf_api(&c, &a, why), 0);
	assert_string_equal(a.listen, "127.0.0.1:8080");
	cdx_conf_api_free(&a);
	assert_shown(&c, CDX_CONF_LISTEN, "0.0.0.0:8070", "default of node");
	cdx_conf_free(&c);
	/* "none" is said, and stays */
	assert_int_equal(cdx_conf_option(&c, CDX_CONF_LISTEN, "none", why), 0);
	assert_int_equal(cdx_conf_option(&c, CDX_CONF_API, "none", why), 0);
	assert_int_equal(cdx_conf_option(&c, CDX_CONF_PEER, "a:1", why), 0);
	assert_int_equal(cdx_conf_node_defaults(&c), 0);
	assert_int_equal(cdx_conf_node(&c, &n, why), 0);
	assert_null(n.listen);
	assert_false(n.dht);
	assert_true(cdx_conf_wants_peers(&n));
	cdx_conf_node_free(&n);
	assert_int_equal(cdx_conf_api(&c, &a, why), 0);
	assert_null(a.listen);
	cdx_conf_api_free(&a);
	cdx_conf_free(&c);
	/* a client of the DHT has any port */
	assert_int_equal(cdx_conf_option(&c, CDX_CONF_BOOTSTRAP, "a:1", why),
			 0);
	assert_int_equal(cdx_conf_node(&c, &n, why), 0);
	assert_true(n.dht && cdx_conf_wants_peers(&n));
	assert_int_equal(n.dht_port, 0);
	cdx_conf_node_free(&n);
	cdx_conf_free(&c);
}

static void test_node_refused(void **state)
{
	(void)state;
	refuses("[node]\nlisten = 8070\n", 2, "an address and port");
	refuses("[node]\nlisten = localhost:8070\n", 2, "an address and port");
	refuses("[node]\nlisten = ::1:8070\n", 2, "an address and port");
	refuses("[node]\nlisten = 1.2.3.4:65536\n", 2, "an address and port");
	refuses("[node]\nannounce = a.example\n", 2, "HOST:PORT");
	refuses("[node]\npeer = a:1,,b:2\n", 2, "commas between");
	refuses("[node]\npeer = /ip4/1.2.3.4/tcp/1\n", 2, "multiaddress");
	refuses("[node]\nannounce = a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9\n", 2,
		"more than 8 values");
	refuses("[node]\nnat = yes\n", 2, "upnp or none");
	refuses("[node]\nnetwork = two words\n", 2, "without blanks");
	refuses("[node]\nbootstrap = a.example\n", 2, "HOST:PORT (UDP)");
	refuses("[node]\nbootstrap = a.example:0\n", 2, "HOST:PORT (UDP)");
	refuses("[node]\nbootstrap = :80\n", 2, "HOST:PORT (UDP)");
	refuses("[node]\ndht = maybe\n", 2, "yes or no");
	refuses("[node]\ndht-port = 70000\n", 2, "UDP port");
	refuses("[node]\ncache = much\n", 2, "number of bytes");
	refuses("[node]\nupload = -1\n", 2, "number of bytes");
	refuses("[node]\nread-timeout = 0\n", 2, "from 1 to 86400");
	refuses("[node]\nlisten = none\nlisten = none\n", 3, "in line 2");
	refuses("[node]\nrpc = http://a\n", 2, "no key rpc in section [node]");
	refuses("listen = none\n", 1, "[node] belongs above it");
	refuses("[api]\napi = 8080\n", 2, "an address and port");
	refuses("[api]\norigin = *\n", 2, "every page on the web");
	refuses("[api]\norigin = https://a.example/\n", 2, "no path");
	refuses("[api]\norigin = https://*.example\n", 2, "no path");
	refuses("[api]\norigin = a.example\n", 2, "like https://");
}

/* The text is right value by value, and contradicts itself in line @line */
static void clashes(const char *text, int line, const char *words)
{
	char why[CDX_CONF_WHY_MAX] = "";
	struct cdx_conf c = {0};
	struct cdx_conf_node n;

	assert_int_equal(read_text(&c, text, why), 0);
	assert_int_equal(cdx_conf_node(&c, &n, why), -EINVAL);
	assert_words(why, line, words);
	cdx_conf_free(&c);
}

static void test_node_clashes(void **state)
{
	(void)state;
	clashes("[node]\nlisten = :1\ntls-cert = c\n", 3, "tls-key is not");
	clashes("[node]\nlisten = :1\ntls-key = k\n", 3, "tls-cert is not");
	clashes("[node]\ntls-key = k\ntls-cert = c\n", 3, "listen is not");
	clashes("[node]\nlisten = none\nannounce = a:1\n", 3,
		"nobody can be served");
	clashes("[node]\nnat = upnp\n", 2, "no port to lead to");
	clashes("[node]\ndht = no\nbootstrap = a:1\n", 3, "dht is no");
	clashes("[node]\ndht-port = 1\n", 2, "there is to be no DHT");
	clashes("[node]\nlisten = :1\nannounce = https://a:1\n", 3,
		"address with TLS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_keys),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_node_keys),
		cmocka_unit_test(test_node_defaults),
		cmocka_unit_test(test_node_refused),
		cmocka_unit_test(test_node_clashes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
