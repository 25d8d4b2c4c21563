/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/err.h"
#include "codexfs/chain.h"
#include "codexfs/file.h"
#include "eth/deploy.h"
#include "node/chain_ask.h"
#include "node/chain_send.h"
#include "proof/key.h"
#include "proof/proof_json.h"

#define VK_BYTES_MAX (1u << 20)

/* What is made, and of what */
struct deployment {
	struct chain_args *a;
	struct cdx_chain *chain;
	const char *contracts;
	struct cdx_conf_chain said; /* by options */
	struct cdx_vk vk;
	bool has_vk;
	struct cdx_market_config market;
	struct cdx_addr token;
	struct cdx_addr verifier;
	struct cdx_addr marketplace;
	uint64_t chain_id;
	uint64_t block; /* of the marketplace */
	struct cdx_u256 cost;
};

static int fail(const char *what, int rc, const char *why)
{
	cli_error("cannot %s: %s", what,
		  why[0] != '\0' ? why : cdx_strerror(rc));
	return cdx_err_exit(rc);
}

/* ---- the key ---- */

static int refuse_development(const struct deployment *d, const char *what)
{
	if (d->a->development)
		return 0;
	cli_error("%s is a development key: whoever made it can forge proofs; "
		  "--development takes it all the same",
		  what);
	return cdx_err_exit(-EPERM);
}

static int take_key(struct deployment *d, const struct cdx_proof_key *key,
		    const char *what)
{
	int status = key->zkey.development ? refuse_development(d, what) : 0;
	int rc;

	if (status != 0)
		return status;
	rc = cdx_zkey_vk(&d->vk, &key->zkey);
	if (rc < 0)
		return fail("make the verification key", rc, "");
	d->has_vk = true;
	cdx_hex(d->market.zkey_hash, key->sha256.b, sizeof(key->sha256.b));
	return 0;
}

static int key_of_file(struct deployment *d)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_proof_key key;
	int status;
	int rc = cdx_proof_key_open(&key, AT_FDCWD, d->a->zkey, NULL, why);

	if (rc < 0) {
		cli_error("%s: %s", d->a->zkey, why);
		return cdx_err_exit(rc);
	}
	status = take_key(d, &key, d->a->zkey);
	cdx_proof_key_close(&key);
	return status;
}

static int key_of_store(struct deployment *d, struct cdx_node *node)
{
	char why[CDX_PROOF_KEYS_WHY_MAX] = "";
	const struct cdx_proof_key *key;
	struct cdx_proof_pin pin;
	int status;
	int rc;

	if (node->proof_keys == NULL) {
		cli_error("which proving key?  Name it with --zkey, or a store "
			  "that has one, or give --verification-key and "
			  "--zkey-hash");
		return CLI_USAGE;
	}
	rc = cdx_proof_keys_get(node->proof_keys, CDX_SAMPLES, &key, &pin, why);
	if (rc < 0)
		return fail("use the store's proving key", rc, why);
	status = take_key(d, key, "the store's proving key");
	cdx_proof_keys_put(node->proof_keys, key);
	return status;
}

static int key_of_vk(struct deployment *d)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_buf b = {0};
	int status = cli_file_read(&b, d->a->vk, VK_BYTES_MAX);
	int rc;

	if (status == 0) {
		rc = cdx_vk_read(&d->vk, (const char *)b.p, b.len, why);
		d->has_vk = rc == 0;
		if (rc < 0) {
			cli_error("%s: %s", d->a->vk, why);
			status = cdx_err_exit(rc);
		}
	}
	cdx_buf_free(&b);
	if (status == 0 && d->vk.development)
		status = refuse_development(d, d->a->vk);
	return status;
}

/* The key whose verifier is deployed, and the hash that the marketplace names */
static int get_key(struct deployment *d, struct cdx_node *node)
{
	char hex[2 * sizeof(struct cdx_digest) + 1];
	int status = 0;

	if (d->a->zkey != NULL)
		status = key_of_file(d);
	else if (d->a->vk != NULL)
		status = key_of_vk(d);
	else if (!d->said.has_verifier || !d->said.has_zkey_hash)
		status = key_of_store(d, node);
	if (status != 0)
		return status;
	cdx_hex(hex, d->said.zkey_hash.b, sizeof(d->said.zkey_hash.b));
	if (d->market.zkey_hash[0] == '\0' && d->said.has_zkey_hash) {
		memcpy(d->market.zkey_hash, hex, sizeof(hex));
	} else if (d->market.zkey_hash[0] == '\0') {
		cli_error("which proving key belongs to %s?  Give its SHA-256 "
			  "with --zkey-hash",
			  d->a->vk);
		return CLI_USAGE;
	} else if (d->said.has_zkey_hash &&
		   strcmp(hex, d->market.zkey_hash) != 0) {
		cli_error("the proving key has the SHA-256 %s, not that of "
			  "--zkey-hash",
			  d->market.zkey_hash);
		return cdx_err_exit(CDX_E_HASH);
	}
	return 0;
}

/* ---- contracts ---- */

static bool on_wait(void *arg, const char *why)
{
	char phase[320];

	snprintf(phase, sizeof(phase), "making %s%s%s", (const char *)arg,
		 why[0] != '\0' ? ": " : "", why);
	cli_progress(phase, 0, 0, false);
	return false;
}

/* @code: of its constructor, and the arguments behind it */
static int make(struct deployment *d, struct cdx_addr *out, char *name,
		const struct cdx_buf *code)
{
	char why[CDX_CHAIN_WHY_MAX] = "";
	struct cdx_chain_sent sent = {0};
	char what[64];
	int rc = cdx_buf_ok(code);

	if (rc == 0)
		rc = cdx_chain_create(d->chain, &sent, code->p, code->len,
				      on_wait, name, why);
	cli_progress_end();
	if (rc == 0)
		rc = cdx_u256_add(&d->cost, &d->cost, &sent.cost);
	if (rc < 0) {
		snprintf(what, sizeof(what), "deploy %.40s", name);
		return fail(what, rc, why);
	}
	*out = sent.contract;
	d->block = sent.block;
	return 0;
}

/* The code of a contract; tells what is wrong */
static int read_code(const struct deployment *d, struct cdx_buf *out,
		     const char *name)
{
	char why[CDX_DEPLOY_WHY_MAX] = "";
	int rc = cdx_artifact_read(out, d->contracts, name, why);

	return rc < 0 ? fail("read the compiled contract", rc, why) : 0;
}

static int make_token(struct deployment *d)
{
	static char name[] = "TestToken";
	struct cdx_buf code = {0};
	int status;

	if (d->said.has_token) {
		d->token = d->said.token;
		return 0;
	}
	status = read_code(d, &code, name);
	if (status == 0)
		status = make(d, &d->token, name, &code);
	cdx_buf_free(&code);
	return status;
}

static int make_verifier(struct deployment *d)
{
	static char name[] = "Groth16Verifier";
	struct cdx_buf code = {0};
	struct cdx_vk_words words;
	int status;
	int rc;

	if (d->said.has_verifier) {
		d->verifier = d->said.verifier;
		return 0;
	}
	status = read_code(d, &code, name);
	if (status == 0) {
		rc = cdx_vk_calldata(&words, &d->vk);
		if (rc == 0) {
			rc = cdx_deploy_verifier_args(&code, &words);
			free(words.ic);
		}
		status = rc < 0 ? fail("encode the verification key", rc, "")
				: make(d, &d->verifier, name, &code);
	}
	cdx_buf_free(&code);
	return status;
}

static int make_marketplace(struct deployment *d)
{
	static char name[] = "Marketplace";
	struct cdx_buf code = {0};
	int status = read_code(d, &code, name);
	int rc;

	if (status == 0) {
		rc = cdx_deploy_marketplace_args(&code, &d->market, &d->token,
						 &d->verifier);
		status = rc < 0 ? fail("encode the configuration", rc, "")
				: make(d, &d->marketplace, name, &code);
	}
	cdx_buf_free(&code);
	return status;
}

/* ---- what came of it ---- */

static void put_bytes(struct cdx_buf *b, const char *key, const char *value,
		      size_t len)
{
	cdx_buf_put(b, key, strlen(key));
	cdx_buf_put(b, " = ", 3);
	cdx_buf_put(b, value, len);
	cdx_buf_u8(b, '\n');
}

static void put(struct cdx_buf *b, const char *key, const char *value)
{
	put_bytes(b, key, value, strlen(value));
}

/* A line for each endpoint: lines have a limit */
static void put_urls(struct cdx_buf *b, const char *urls)
{
	size_t len;

	do {
		len = strcspn(urls, ",");
		put_bytes(b, "rpc", urls, len);
		urls += len;
	} while (*urls++ == ',');
}

static void put_addr(struct cdx_buf *b, const char *key,
		     const struct cdx_addr *addr)
{
	char text[CDX_ADDR_TEXT_MAX];

	cdx_addr_text(text, addr);
	put(b, key, text);
}

/* What was made, and from the configuration in effect what it was made with */
static int write_conf(const struct deployment *d, const struct cdx_conf *conf)
{
	static const enum cdx_conf_key same[] = {
		CDX_CONF_ACCOUNT,	CDX_CONF_PASSWORD_FILE,
		CDX_CONF_CONFIRMATIONS, CDX_CONF_POLL_MS,
		CDX_CONF_MAX_FEE,	CDX_CONF_TIP,
	};
	static const char head[] = "# written by codexfs chain deploy\n"
				   "[chain]\n";
	struct cdx_buf b = {0};
	struct cdx_conf_shown v;
	char number[24];
	mode_t mask;
	int status;

	cdx_buf_put(&b, head, sizeof(head) - 1);
	put_urls(&b, conf->value[CDX_CONF_RPC].text);
	for (size_t i = 0; i < CDX_ARRAY_LEN(same); i++) {
		const char *text = conf->value[same[i]].text;

		if (text != NULL && cdx_conf_show(conf, same[i], &v) == 0) {
			put(&b, v.name, text);
			free(v.text);
		}
	}
	snprintf(number, sizeof(number), "%llu",
		 (unsigned long long)d->chain_id);
	put(&b, "chain-id", number);
	put_addr(&b, "marketplace", &d->marketplace);
	put_addr(&b, "token", &d->token);
	put_addr(&b, "verifier", &d->verifier);
	put(&b, "zkey-hash", d->market.zkey_hash);
	/* an endpoint's URL may have a password in it */
	mask = umask(077);
	status = cdx_buf_ok(&b) < 0
			 ? fail("write the configuration", -ENOMEM, "")
			 : cli_file_write(d->a->output, b.p, b.len);
	umask(mask);
	cdx_buf_wipe(&b);
	return status;
}

static void print(const struct deployment *d)
{
	char token[CDX_ADDR_TEXT_MAX];
	char verifier[CDX_ADDR_TEXT_MAX];
	char marketplace[CDX_ADDR_TEXT_MAX];
	char wei[CDX_U256_TEXT_MAX];
	char ether[CHAIN_AMOUNT_MAX];

	cdx_addr_text(token, &d->token);
	cdx_addr_text(verifier, &d->verifier);
	cdx_addr_text(marketplace, &d->marketplace);
	cdx_u256_dec(wei, &d->cost);
	cdx_u256_units(ether, &d->cost, CHAIN_WEI_DECIMALS);
	if (d->a->as_json) {
		cli_print_json(json_pack(
			"{s:I, s:s, s:s, s:s, s:s, s:I, s:s}", "chainId",
			(json_int_t)d->chain_id, "marketplace", marketplace,
			"token", token, "verifier", verifier, "zkeyHash",
			d->market.zkey_hash, "block", (json_int_t)d->block,
			"cost", wei));
		return;
	}
	printf("%-18s%s\n", "marketplace", marketplace);
	printf("%-18s%s%s\n", "token", token,
	       d->said.has_token ? "" : ", a test token");
	printf("%-18s%s\n", "verifier", verifier);
	printf("%-18s%s\n", "proving key", d->market.zkey_hash);
	printf("%-18s%llu\n", "block", (unsigned long long)d->block);
	printf("%-18s%s ether\n", "cost", ether);
}

/* What a deployment that failed has paid for already */
static void tell_made(const struct deployment *d)
{
	static const struct cdx_addr none;
	char text[CDX_ADDR_TEXT_MAX];

	if (!d->said.has_token && memcmp(&d->token, &none, sizeof(none)) != 0) {
		cdx_addr_text(text, &d->token);
		cli_error("the token was made; --token %s takes it", text);
	}
	if (!d->said.has_verifier &&
	    memcmp(&d->verifier, &none, sizeof(none)) != 0) {
		cdx_addr_text(text, &d->verifier);
		cli_error("the verifier was made; --verifier %s takes it",
			  text);
	}
}

/* ---- all of it ---- */

static int make_all(struct deployment *d)
{
	char why[CDX_CHAIN_WHY_MAX] = "";
	const struct cdx_conf_chain *cfg;
	const struct cdx_conf *conf;
	struct cdx_chain_head head = {0};
	struct cdx_addr from;
	char text[CDX_ADDR_TEXT_MAX];
	char question[160];
	int status;
	int rc = cdx_chain_conf(d->chain, &conf, &cfg, why);

	if (rc == 0)
		rc = cdx_chain_head(d->chain, &head, why);
	if (rc == 0)
		rc = cdx_chain_addr(d->chain, CDX_CHAIN_CLIENT, &from, why);
	if (rc == 0 && d->said.has_token)
		rc = cdx_chain_check_code(d->chain, &d->said.token, "token",
					  why);
	if (rc == 0 && d->said.has_verifier)
		rc = cdx_chain_check_code(d->chain, &d->said.verifier,
					  "verifier", why);
	if (rc < 0)
		return fail("deploy", rc, why);
	d->chain_id = head.chain_id;
	cdx_addr_text(text, &from);
	snprintf(question, sizeof(question),
		 "Deploy on the chain with id %llu, paid by %s?",
		 (unsigned long long)d->chain_id, text);
	if (!chain_confirm(d->a, question))
		return 1;
	status = make_token(d);
	if (status == 0)
		status = make_verifier(d);
	if (status == 0)
		status = make_marketplace(d);
	if (status != 0)
		tell_made(d);
	if (status == 0 && d->a->output != NULL)
		status = write_conf(d, conf);
	if (status == 0)
		print(d);
	return status;
}

int chain_deploy(struct chain_args *a)
{
	struct deployment d = {.a = a,
			       .contracts = a->contracts != NULL
						    ? a->contracts
						    : CDX_CONTRACTS_DIR,
			       .market = a->market};
	struct cdx_client c;
	int status;

	if (a->zkey != NULL && a->vk != NULL) {
		cli_error("--zkey has its verification key in it; "
			  "--verification-key is not needed");
		return CLI_USAGE;
	}
	if (cdx_conf_chain(&a->conf, &d.said) < 0)
		return fail("deploy", -ENOMEM, "");
	status = chain_open(&c, a, true);
	if (status == 0) {
		d.chain = c.node.chain;
		status = get_key(&d, &c.node);
		if (status == 0)
			status = make_all(&d);
		status = cli_client_close(&c, status);
	}
	cdx_vk_free(&d.vk);
	cdx_conf_chain_free(&d.said);
	return status;
}
