/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "node/proof_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/list.h"

#define PART "import.part"
#define COPY_BYTES (1u << 20)

/* An open key */
struct entry {
	struct cdx_list link;
	struct cdx_proof_key key;
	struct cdx_proof_pin pin;
	unsigned users;
	bool replaced; /* goes with its last user */
};

struct cdx_proof_keys {
	struct cdx_store *store;
	const struct cdx_log *log;
	pthread_mutex_t import_mu; /* one import at a time; taken before mu */
	pthread_mutex_t mu;
	struct cdx_list entries; /* guarded by mu */
};

int cdx_proof_keys_new(struct cdx_proof_keys **out, struct cdx_store *store,
		       const struct cdx_log *log)
{
	struct cdx_proof_keys *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return -ENOMEM;
	k->store = store;
	k->log = log;
	(void)pthread_mutex_init(&k->import_mu, NULL);
	(void)pthread_mutex_init(&k->mu, NULL);
	cdx_list_init(&k->entries);
	*out = k;
	return 0;
}

static void entry_free(struct entry *e)
{
	cdx_list_del(&e->link);
	cdx_proof_key_close(&e->key);
	free(e);
}

void cdx_proof_keys_free(struct cdx_proof_keys *keys)
{
	if (keys == NULL)
		return;
	while (!cdx_list_empty(&keys->entries))
		entry_free(
			CDX_CONTAINER(keys->entries.next, struct entry, link));
	(void)pthread_mutex_destroy(&keys->mu);
	(void)pthread_mutex_destroy(&keys->import_mu);
	free(keys);
}

/* The folder, made when @make and it is not there; a descriptor or -errno */
static int open_folder(const struct cdx_proof_keys *k, bool make)
{
	int dir = cdx_store_dirfd(k->store);
	int fd;

	if (make && mkdirat(dir, CDX_PROOF_PIN_FOLDER, 0700) < 0 &&
	    errno != EEXIST)
		return -errno;
	fd = openat(dir, CDX_PROOF_PIN_FOLDER,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* ---- use ---- */

static struct entry *find(const struct cdx_proof_keys *k, uint32_t samples)
{
	struct cdx_list *l;

	for (l = k->entries.next; l != &k->entries; l = l->next) {
		struct entry *e = CDX_CONTAINER(l, struct entry, link);

		if (e->pin.samples == samples && !e->replaced)
			return e;
	}
	return NULL;
}

/* Opens the pinned file and compares its hash; mu is held */
static int load(struct cdx_proof_keys *k, uint32_t samples, struct entry **out,
		char why[CDX_PROOF_KEYS_WHY_MAX])
{
	char reason[CDX_PROOF_WHY_MAX] = "";
	struct cdx_proof_pin pin;
	char name[CDX_PROOF_PIN_NAME_MAX];
	struct entry *e;
	int dir;
	int rc = cdx_proof_pin_get(k->store, samples, &pin);

	if (rc == -ENOENT)
		snprintf(why, CDX_PROOF_KEYS_WHY_MAX,
			 "no proving key for %u samples; codexfs proof import "
			 "brings one in",
			 samples);
	if (rc < 0)
		return rc;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return -ENOMEM;
	dir = open_folder(k, false);
	cdx_proof_pin_name(name, &pin.sha256);
	rc = dir < 0 ? dir
		     : cdx_proof_key_open(&e->key, dir, name, &pin.sha256,
					  reason);
	cdx_closep(&dir);
	if (rc < 0) {
		snprintf(why, CDX_PROOF_KEYS_WHY_MAX,
			 "%s/" CDX_PROOF_PIN_FOLDER
			 "/%s: %s; import the key again",
			 cdx_store_path(k->store), name,
			 reason[0] != '\0' ? reason : cdx_strerror(rc));
		free(e);
		return rc == -ENOENT ? CDX_E_HASH : rc;
	}
	e->pin = pin;
	cdx_list_add(&k->entries, &e->link);
	*out = e;
	return 0;
}

int cdx_proof_keys_get(struct cdx_proof_keys *keys, uint32_t samples,
		       const struct cdx_proof_key **out,
		       struct cdx_proof_pin *pin,
		       char why[CDX_PROOF_KEYS_WHY_MAX])
{
	struct entry *e;
	int rc = 0;

	why[0] = '\0';
	(void)pthread_mutex_lock(&keys->mu);
	e = find(keys, samples);
	if (e == NULL)
		rc = load(keys, samples, &e, why);
	if (rc == 0) {
		e->users++;
		*out = &e->key;
		*pin = e->pin;
	}
	(void)pthread_mutex_unlock(&keys->mu);
	return rc;
}

void cdx_proof_keys_put(struct cdx_proof_keys *keys,
			const struct cdx_proof_key *key)
{
	struct cdx_list *l;
	struct entry *e;

	(void)pthread_mutex_lock(&keys->mu);
	l = keys->entries.next;
	while (&(e = CDX_CONTAINER(l, struct entry, link))->key != key)
		l = l->next;
	if (--e->users == 0 && e->replaced)
		entry_free(e);
	(void)pthread_mutex_unlock(&keys->mu);
}

/* ---- import ---- */

static int copy_bytes(int to, int from, const struct cdx_groth16_run *run)
{
	uint8_t *buf = malloc(COPY_BYTES);
	int rc = buf == NULL ? -ENOMEM : 0;

	while (rc == 0) {
		ssize_t n = read(from, buf, COPY_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			rc = n < 0 ? -errno : 0;
			break;
		}
		rc = cdx_write_full(to, buf, (size_t)n);
		if (rc == 0 && run->cancel != NULL && run->cancel(run->arg))
			rc = -ECANCELED;
	}
	free(buf);
	return rc;
}

/* The file as PART in the folder, synced */
static int copy_in(int dir, const char *path, const struct cdx_groth16_run *run)
{
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int to = -1;
	int rc = 0;

	if (from < 0 || fstat(from, &st) < 0)
		rc = -errno;
	else if (!S_ISREG(st.st_mode))
		rc = -EINVAL;
	if (rc == 0) {
		to = openat(dir, PART, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			    0400);
		rc = to < 0 ? -errno : copy_bytes(to, from, run);
	}
	if (rc == 0 && fsync(to) < 0)
		rc = -errno;
	cdx_closep(&from);
	cdx_closep(&to);
	return rc;
}

/* The copy gets its name, then the pin; a crash between leaves a file that
 * nothing names, which the next import of this key replaces */
static int adopt(struct cdx_proof_keys *k, int dir,
		 const struct cdx_proof_pin *pin)
{
	struct cdx_proof_pin old;
	char name[CDX_PROOF_PIN_NAME_MAX];
	struct entry *e;
	bool had = cdx_proof_pin_get(k->store, pin->samples, &old) == 0;
	int rc;

	cdx_proof_pin_name(name, &pin->sha256);
	if (renameat(dir, PART, dir, name) < 0)
		return -errno;
	rc = cdx_fsync_dir(dir);
	if (rc == 0)
		rc = cdx_proof_pin_put(k->store, pin);
	if (rc == 0)
		rc = cdx_store_commit(k->store);
	if (rc < 0)
		return rc;
	(void)pthread_mutex_lock(&k->mu);
	e = find(k, pin->samples);
	if (e != NULL && e->users == 0)
		entry_free(e);
	else if (e != NULL)
		e->replaced = true;
	(void)pthread_mutex_unlock(&k->mu);
	if (had && memcmp(old.sha256.b, pin->sha256.b, sizeof(old.sha256.b))) {
		cdx_proof_pin_name(name, &old.sha256);
		(void)unlinkat(dir, name, 0);
	}
	return 0;
}

/* One import */
struct import {
	struct cdx_proof_keys *k;
	int dir;
	const char *path;
	bool development;
	const struct cdx_groth16_run *run;
	struct cdx_proof_pin pin;
	char *why; /* CDX_PROOF_KEYS_WHY_MAX bytes */
};

static int check_copy(struct import *im)
{
	char reason[CDX_PROOF_WHY_MAX] = "";
	struct cdx_proof_key key;
	int rc = cdx_proof_key_open(&key, im->dir, PART, NULL, reason);

	if (rc == 0) {
		if (key.zkey.development && !im->development) {
			snprintf(reason, sizeof(reason),
				 "it is a development key: whoever made it can "
				 "forge proofs; --development takes it all the "
				 "same");
			rc = -EPERM;
		}
		if (rc == 0)
			rc = cdx_proof_key_check(&key, im->run, reason);
		im->pin = (struct cdx_proof_pin){
			.samples = key.samples,
			.bytes = key.len,
			.development = key.zkey.development,
			.sha256 = key.sha256,
		};
		cdx_proof_key_close(&key);
	}
	if (rc < 0)
		snprintf(im->why, CDX_PROOF_KEYS_WHY_MAX, "%s",
			 reason[0] != '\0' ? reason : cdx_strerror(rc));
	return rc;
}

static int import_locked(struct import *im, cdx_proof_keys_phase_fn *phase)
{
	int rc;

	if (phase != NULL)
		phase(im->run->arg, "copying");
	rc = copy_in(im->dir, im->path, im->run);
	if (rc < 0) {
		snprintf(im->why, CDX_PROOF_KEYS_WHY_MAX, "cannot copy %s: %s",
			 im->path,
			 rc == -EINVAL ? "it is not a regular file"
				       : cdx_strerror(rc));
		return rc;
	}
	if (phase != NULL)
		phase(im->run->arg, "checking");
	rc = check_copy(im);
	return rc < 0 ? rc : adopt(im->k, im->dir, &im->pin);
}

int cdx_proof_keys_import(struct cdx_proof_keys *keys,
			  struct cdx_proof_pin *out, const char *path,
			  bool development, const struct cdx_groth16_run *run,
			  cdx_proof_keys_phase_fn *phase,
			  char why[CDX_PROOF_KEYS_WHY_MAX])
{
	struct import im = {
		.k = keys,
		.path = path,
		.development = development,
		.run = run,
		.why = why,
	};
	int rc;

	why[0] = '\0';
	(void)pthread_mutex_lock(&keys->import_mu);
	im.dir = open_folder(keys, true);
	if (im.dir < 0) {
		rc = im.dir;
	} else {
		rc = import_locked(&im, phase);
		if (rc < 0)
			(void)unlinkat(im.dir, PART, 0);
	}
	cdx_closep(&im.dir);
	(void)pthread_mutex_unlock(&keys->import_mu);
	if (rc < 0)
		return rc;
	if (im.pin.development)
		cdx_log(keys->log, WARN, "proof",
			"development key for %u samples imported: its maker "
			"can forge proofs",
			im.pin.samples);
	else
		cdx_log(keys->log, INFO, "proof",
			"proving key for %u samples imported", im.pin.samples);
	*out = im.pin;
	return 0;
}
