/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "node/chain.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/await.h"
#include "base/err.h"
#include "eth/account.h"
#include "eth/persist_memory.h"
#include "net/http.h"
#include "node/chain_persist.h"
#include "node/node.h"

/* Milliseconds: a verb's user waits, a mount has time */
#define BRIEF_TIMEOUT_MS 4000u
#define BRIEF_GIVE_UP_MS 8000u
#define GIVE_UP_MS 20000u

struct cdx_chain {
	struct cdx_store *store;   /* immutable */
	struct cdx_keyfile *words; /* immutable; in locked memory, or NULL */
	char *conf_file;	   /* immutable */
	const struct cdx_log *log; /* immutable */
	bool brief;		   /* immutable */
	pthread_mutex_t mu;
	struct cdx_conf conf;	   /* guarded by mu until it is read */
	struct cdx_conf_chain cfg; /* likewise */
	bool has_conf;		   /* guarded by mu */
	/* guarded by mu */
	bool has_addr[CDX_CHAIN_ROLES];
	struct cdx_addr addr[CDX_CHAIN_ROLES];
	struct cdx_sender *sender[CDX_CHAIN_ROLES];
	bool started;
	/* immutable once started */
	struct cdx_chain_parts parts;
	struct cdx_http *http;
	struct cdx_persist_memory *memory;
	struct cdx_chain_persist *kept;
	pthread_t thread;
	bool has_thread;
};

int cdx_chain_new(struct cdx_chain **out, const struct cdx_chain_opts *opts)
{
	struct cdx_chain *c = calloc(1, sizeof(*c));
	bool ok = c != NULL;

	if (!ok)
		return -ENOMEM;
	pthread_mutex_init(&c->mu, NULL);
	c->store = opts->store;
	c->log = opts->log;
	c->brief = opts->brief;
	if (opts->options != NULL)
		ok = cdx_conf_copy(&c->conf, opts->options) == 0;
	if (ok && opts->conf_file != NULL)
		ok = (c->conf_file = strdup(opts->conf_file)) != NULL;
	/* the words live as long as the process: neither swap space nor a core
	 * file shall have them */
	if (ok && opts->keys != NULL) {
		ok = sodium_init() >= 0 &&
		     (c->words = sodium_malloc(sizeof(*c->words))) != NULL;
		if (ok)
			*c->words = *opts->keys;
	}
	if (!ok) {
		cdx_chain_free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

/* ---- configuration ---- */

static int read_conf(struct cdx_chain *c, char why[CDX_CHAIN_WHY_MAX])
{
	char reason[CDX_CONF_WHY_MAX] = "";
	char *file = NULL;
	struct cdx_conf fresh;
	int rc;

	if (c->has_conf)
		return 0;
	/* a failed read leaves the options alone: the next call reads again */
	rc = cdx_conf_copy(&fresh, &c->conf);
	if (rc == 0) {
		rc = cdx_conf_find(&file, c->conf_file,
				   c->store != NULL ? cdx_store_path(c->store)
						    : NULL,
				   reason);
		if (rc > 0)
			rc = cdx_conf_read(&fresh, file, reason);
		free(file);
		if (rc == 0)
			rc = cdx_conf_chain(&fresh, &c->cfg);
		if (rc < 0) {
			cdx_conf_free(&fresh);
		} else {
			cdx_conf_free(&c->conf);
			c->conf = fresh;
			c->has_conf = true;
		}
	}
	if (rc < 0)
		snprintf(why, CDX_CHAIN_WHY_MAX, "%s",
			 reason[0] != '\0' ? reason : cdx_strerror(rc));
	return rc;
}

int cdx_chain_conf(struct cdx_chain *c, const struct cdx_conf **text,
		   const struct cdx_conf_chain **out,
		   char why[CDX_CHAIN_WHY_MAX])
{
	int rc;

	pthread_mutex_lock(&c->mu);
	rc = read_conf(c, why);
	pthread_mutex_unlock(&c->mu);
	if (rc == 0) {
		if (text != NULL)
			*text = &c->conf;
		*out = &c->cfg;
	}
	return rc;
}

/* ---- accounts ---- */

/* Every volume has two accounts: 2v its client's, 2v + 1 its provider's */
static uint32_t words_index(const struct cdx_chain *c, enum cdx_chain_role role)
{
	return 2 * c->words->volume + (role == CDX_CHAIN_PROVIDER ? 1 : 0);
}

static bool of_words(const struct cdx_chain *c, enum cdx_chain_role role)
{
	return role == CDX_CHAIN_PROVIDER || c->cfg.account == NULL;
}

int64_t cdx_chain_index(struct cdx_chain *c, enum cdx_chain_role role)
{
	int64_t index = -1;

	pthread_mutex_lock(&c->mu);
	if (c->words != NULL && of_words(c, role))
		index = words_index(c, role);
	pthread_mutex_unlock(&c->mu);
	return index;
}

static int password_of(const struct cdx_chain *c, char out[CDX_PASSWORD_MAX],
		       char why[CDX_CHAIN_WHY_MAX])
{
	char prompt[512];
	int rc = -ENOKEY;

	snprintf(prompt, sizeof(prompt), "Password of the account %.400s",
		 c->cfg.account);
	if (c->cfg.password_file != NULL || c->brief)
		rc = cdx_node_password(out, c->cfg.password_file, prompt,
				       false);
	if (rc == -ENOKEY)
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "%s is sealed with a password and there is no "
			 "terminal to ask on; name the password's file with "
			 "account-password-file",
			 c->cfg.account);
	else if (rc < 0)
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "cannot read the password of %s%s%s: %s",
			 c->cfg.account,
			 c->cfg.password_file != NULL ? " from " : "",
			 c->cfg.password_file != NULL ? c->cfg.password_file
						      : "",
			 rc == -EINVAL ? "it is empty or too long"
				       : cdx_strerror(rc));
	return rc;
}

static int load_file(const struct cdx_chain *c, struct cdx_account *out,
		     char why[CDX_CHAIN_WHY_MAX])
{
	char reason[CDX_ACCOUNT_WHY_MAX] = "";
	char password[CDX_PASSWORD_MAX];
	int sealed = cdx_account_file_sealed(c->cfg.account, reason);
	int rc = sealed;

	if (sealed > 0) {
		rc = password_of(c, password, why);
		if (rc < 0)
			return rc;
	}
	if (rc == 0)
		rc = cdx_account_file(out, c->cfg.account,
				      sealed > 0 ? password : NULL, reason);
	cdx_wipe(password, sizeof(password));
	if (rc < 0)
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "cannot use the account %s: %s", c->cfg.account,
			 reason[0] != '\0' ? reason : cdx_strerror(rc));
	return rc;
}

/* Wipe it soon. */
static int load_account(struct cdx_chain *c, enum cdx_chain_role role,
			struct cdx_account *out, char why[CDX_CHAIN_WHY_MAX])
{
	int rc;

	rc = read_conf(c, why);
	if (rc < 0)
		return rc;
	if (!of_words(c, role)) {
		rc = load_file(c, out, why);
	} else if (c->words == NULL) {
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "which account?  Without a store there are no words "
			 "to have it from: name a store, or a key file with "
			 "account");
		rc = -ENOENT;
	} else {
		rc = cdx_account_words(out, &c->words->root,
				       words_index(c, role));
		if (rc < 0)
			snprintf(why, CDX_CHAIN_WHY_MAX, "%s",
				 cdx_strerror(rc));
	}
	if (rc == 0) {
		c->addr[role] = out->addr;
		c->has_addr[role] = true;
	}
	return rc;
}

int cdx_chain_addr(struct cdx_chain *c, enum cdx_chain_role role,
		   struct cdx_addr *out, char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_account account;
	int rc = 0;

	pthread_mutex_lock(&c->mu);
	if (!c->has_addr[role]) {
		rc = load_account(c, role, &account, why);
		if (rc == 0)
			cdx_account_wipe(&account);
	}
	if (rc == 0)
		*out = c->addr[role];
	pthread_mutex_unlock(&c->mu);
	return rc;
}

/* ---- the thread and what runs on it ---- */

static void *loop_main(void *arg)
{
	struct cdx_chain *c = arg;
	int rc = cdx_loop_run(c->parts.loop);

	if (rc < 0)
		cdx_log(c->log, ERROR, "chain", "the loop has ended: %s",
			cdx_strerror(rc));
	return NULL;
}

/* Signals are for the threads that were there before */
static int start_thread(struct cdx_chain *c)
{
	sigset_t all;
	sigset_t old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = -pthread_create(&c->thread, NULL, loop_main, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	c->has_thread = rc == 0;
	return rc;
}

static int make_persist(struct cdx_chain *c)
{
	struct cdx_loop *loop = c->parts.loop;
	int rc;

	if (c->store != NULL) {
		rc = cdx_chain_persist_new(&c->kept, c->store, loop);
		if (rc == 0)
			c->parts.persist = cdx_chain_persist(c->kept);
	} else {
		rc = cdx_persist_memory_new(&c->memory, loop);
		if (rc == 0)
			c->parts.persist = cdx_persist_memory(c->memory);
	}
	return rc;
}

static int make_rpc(struct cdx_chain *c, char why[CDX_CHAIN_WHY_MAX])
{
	char reason[CDX_RPC_WHY_MAX] = "";
	struct cdx_rpc_opts o = {
		.urls = c->cfg.rpc,
		.n_urls = c->cfg.n_rpc,
		.chain_id = c->cfg.chain_id,
		.timeout_ms = c->brief ? BRIEF_TIMEOUT_MS : 0,
		.give_up_ms = c->brief ? BRIEF_GIVE_UP_MS : GIVE_UP_MS,
		.log = c->log,
	};
	int rc = cdx_rpc_new(&c->parts.rpc, c->parts.loop, c->http, &o, reason);

	if (rc < 0)
		snprintf(why, CDX_CHAIN_WHY_MAX, "rpc: %s",
			 reason[0] != '\0' ? reason : cdx_strerror(rc));
	return rc;
}

static int make_parts(struct cdx_chain *c, char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_marketplace_opts mo = {
		.contract = c->cfg.marketplace,
		.token = c->cfg.has_token ? &c->cfg.token : NULL,
	};
	int rc = cdx_loop_new(&c->parts.loop);

	if (rc == 0)
		rc = make_persist(c);
	if (rc == 0)
		rc = cdx_http_new(&c->http, c->parts.loop);
	if (rc == 0)
		rc = make_rpc(c, why);
	if (rc == 0)
		rc = cdx_head_new(&c->parts.head, c->parts.loop, c->parts.rpc,
				  c->cfg.poll_ms, c->log);
	mo.head = c->parts.head;
	if (rc == 0 && c->cfg.has_marketplace)
		rc = cdx_marketplace_new(&c->parts.market, c->parts.rpc, &mo);
	if (rc == 0)
		rc = start_thread(c);
	return rc;
}

/* The reverse; the thread first, after which everything is ours alone. */
static void free_parts(struct cdx_chain *c)
{
	if (c->has_thread) {
		cdx_loop_stop(c->parts.loop);
		pthread_join(c->thread, NULL);
		c->has_thread = false;
	}
	for (unsigned i = 0; i < CDX_CHAIN_ROLES; i++) {
		cdx_sender_free(c->sender[i]);
		c->sender[i] = NULL;
	}
	cdx_marketplace_free(c->parts.market);
	cdx_head_free(c->parts.head);
	cdx_rpc_free(c->parts.rpc);
	cdx_http_free(c->http);
	cdx_chain_persist_free(c->kept);
	cdx_persist_memory_free(c->memory);
	cdx_loop_free(c->parts.loop);
	memset(&c->parts, 0, sizeof(c->parts));
	c->http = NULL;
	c->kept = NULL;
	c->memory = NULL;
}

static int start(struct cdx_chain *c, char why[CDX_CHAIN_WHY_MAX])
{
	int rc = read_conf(c, why);

	if (rc < 0)
		return rc;
	if (c->cfg.n_rpc == 0) {
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "no chain is configured%s%s; name an endpoint with "
			 "rpc in section [chain] of codexfs.conf(5), or with "
			 "--rpc",
			 c->conf.file != NULL ? " in " : "",
			 c->conf.file != NULL ? c->conf.file : "");
		return -ENODATA;
	}
	why[0] = '\0';
	rc = make_parts(c, why);
	if (rc < 0) {
		free_parts(c);
		if (why[0] == '\0')
			snprintf(why, CDX_CHAIN_WHY_MAX,
				 "cannot start the chain client: %s",
				 cdx_strerror(rc));
		return rc;
	}
	c->started = true;
	return 0;
}

int cdx_chain_start(struct cdx_chain *c, const struct cdx_chain_parts **out,
		    char why[CDX_CHAIN_WHY_MAX])
{
	int rc = 0;

	pthread_mutex_lock(&c->mu);
	if (!c->started)
		rc = start(c, why);
	pthread_mutex_unlock(&c->mu);
	if (rc == 0)
		*out = &c->parts;
	return rc;
}

/* ---- senders ---- */

struct new_sender {
	struct cdx_chain *c;
	const struct cdx_account *account;
	struct cdx_sender *sender;
};

static void make_sender(void *arg, struct cdx_await *a)
{
	struct new_sender *n = arg;
	const struct cdx_conf_chain *cfg = &n->c->cfg;
	const struct cdx_chain_parts *p = &n->c->parts;
	struct cdx_sender_opts o = {
		.confirmations = cfg->confirmations,
		.fees = {.tip = cfg->tip, .max_fee = cfg->max_fee},
		.log = n->c->log,
	};

	cdx_await_done(a, cdx_sender_new(&n->sender, p->loop, p->rpc, p->head,
					 p->persist, n->account, &o));
}

int cdx_chain_sender(struct cdx_chain *c, enum cdx_chain_role role,
		     struct cdx_sender **out, char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_account account;
	struct new_sender n = {.c = c, .account = &account};
	int rc = 0;

	pthread_mutex_lock(&c->mu);
	if (c->sender[role] == NULL) {
		rc = load_account(c, role, &account, why);
		if (rc == 0) {
			rc = cdx_await(c->parts.loop, make_sender, &n);
			cdx_account_wipe(&account);
			c->sender[role] = n.sender;
			if (rc < 0)
				snprintf(why, CDX_CHAIN_WHY_MAX,
					 "cannot take up the transactions of "
					 "this account: %s",
					 cdx_strerror(rc));
		}
	}
	if (rc == 0)
		*out = c->sender[role];
	pthread_mutex_unlock(&c->mu);
	return rc;
}

void cdx_chain_free(struct cdx_chain *c)
{
	if (c == NULL)
		return;
	free_parts(c);
	/* wipes */
	sodium_free(c->words);
	cdx_conf_chain_free(&c->cfg);
	cdx_conf_free(&c->conf);
	free(c->conf_file);
	pthread_mutex_destroy(&c->mu);
	free(c);
}
