/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/deploy.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "codec/abi.h"

/* An artifact is two codes in hex and the ABI: some 300 KiB at the largest */
#define FILE_MAX (2u << 20)

/* Words of the key's head: alpha1, three points of four words, offset of ic */
#define KEY_WORDS 15u

static void free_json(json_t **j)
{
	json_decref(*j);
}

/* ---- artifacts ---- */

/* Reads it whole; @out takes the bytes */
static int read_file(struct cdx_buf *out, const char *path)
{
	uint8_t *room = cdx_buf_extend(out, FILE_MAX);
	ssize_t n;

	if (!room)
		return -ENOMEM;
	n = cdx_file_read(AT_FDCWD, path, room, FILE_MAX);
	if (n < 0)
		return (int)n;
	out->len = (size_t)n;
	return 0;
}

static int refuse(char why[CDX_DEPLOY_WHY_MAX], int err, const char *path,
		  const char *what)
{
	snprintf(why, CDX_DEPLOY_WHY_MAX, "%.160s: %.90s", path, what);
	return err;
}

/* Code of an artifact, appended to @out.  What is wrong with it in @what. */
static int get_code(struct cdx_buf *out, const json_t *artifact,
		    const char *member, const char **what)
{
	const char *hex = json_string_value(json_object_get(artifact, member));
	size_t digits = hex && strncmp(hex, "0x", 2) == 0 ? strlen(hex + 2) : 0;
	uint8_t *code;

	*what = "no artifact of a contract that can be made";
	if (digits == 0 || digits % 2 != 0)
		return CDX_E_FORMAT;
	code = cdx_buf_extend(out, digits / 2);
	if (!code)
		return -ENOMEM;
	/* the compiler leaves __ and names where libraries' addresses belong */
	*what = "its code is not hex, or wants to be linked";
	return cdx_unhex(code, digits / 2, hex + 2);
}

static int check_name(const json_t *artifact, const char *name,
		      const char **what)
{
	const char *have =
		json_string_value(json_object_get(artifact, "contractName"));

	*what = "it is not of the contract that its name says";
	return have && strcmp(have, name) == 0 ? 0 : CDX_E_FORMAT;
}

static int check_size(size_t len, size_t max, const char **what)
{
	*what = "its code is larger than a chain takes";
	return len > max ? -E2BIG : 0;
}

/* Nothing is taken from a file that does not fit together as a whole */
static int take_code(struct cdx_buf *out, const json_t *artifact,
		     const char *name, const char **what)
{
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf code = {.p = NULL};
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf deployed = {.p = NULL};
	int err = check_name(artifact, name, what);

	if (err == 0)
		err = get_code(&code, artifact, "bytecode", what);
	if (err == 0)
		err = get_code(&deployed, artifact, "deployedBytecode", what);
	if (err == 0)
		err = check_size(code.len, CDX_INIT_CODE_MAX, what);
	if (err == 0)
		err = check_size(deployed.len, CDX_CODE_MAX, what);
	if (err < 0)
		return err;
	cdx_buf_put(out, code.p, code.len);
	return cdx_buf_ok(out);
}

int cdx_artifact_read(struct cdx_buf *out, const char *dir, const char *name,
		      char why[CDX_DEPLOY_WHY_MAX])
{
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf text = {.p = NULL};
	CDX_CLEANUP(free_json) json_t *artifact = NULL;
	const char *what = NULL;
	char path[PATH_MAX];
	json_error_t error;
	int err;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s.json", dir, name) >=
	    sizeof(path))
		return refuse(why, -ENAMETOOLONG, name, "path too long");
	err = read_file(&text, path);
	if (err < 0)
		return refuse(why, err, path, cdx_strerror(err));
	artifact = json_loadb((const char *)text.p, text.len,
			      JSON_REJECT_DUPLICATES, &error);
	if (!artifact)
		return refuse(why, CDX_E_FORMAT, path, "no JSON");
	err = take_code(out, artifact, name, &what);
	return err < 0 ? refuse(why, err, path, what) : 0;
}

/* ---- arguments ---- */

static void put_words(struct cdx_abi *w, const uint8_t (*words)[32], size_t n)
{
	for (size_t i = 0; i < n; i++)
		cdx_abi_b32(w, words[i]);
}

static int encode_ic(struct cdx_buf *out, const struct cdx_vk_words *vk)
{
	uint8_t count[32] = {0};

	cdx_put_be64(count + 24, vk->n_ic);
	cdx_buf_put(out, count, sizeof(count));
	cdx_buf_put(out, vk->ic, vk->n_ic * sizeof(vk->ic[0]));
	return cdx_buf_ok(out);
}

static int encode_key(struct cdx_buf *out, const struct cdx_vk_words *vk)
{
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf ic = {.p = NULL};
	struct cdx_abi w;
	int err = encode_ic(&ic, vk);

	if (err < 0)
		return err;
	cdx_abi_begin(&w, KEY_WORDS);
	put_words(&w, vk->alpha1, CDX_ARRAY_LEN(vk->alpha1));
	put_words(&w, vk->beta2, CDX_ARRAY_LEN(vk->beta2));
	put_words(&w, vk->gamma2, CDX_ARRAY_LEN(vk->gamma2));
	put_words(&w, vk->delta2, CDX_ARRAY_LEN(vk->delta2));
	cdx_abi_dynamic(&w, &ic);
	return cdx_abi_end(&w, out);
}

int cdx_deploy_verifier_args(struct cdx_buf *out, const struct cdx_vk_words *vk)
{
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf key = {.p = NULL};
	struct cdx_abi w;
	int err;

	if (vk->n_ic == 0 || vk->n_ic > CDX_INIT_CODE_MAX / sizeof(vk->ic[0]))
		return -EINVAL;
	err = encode_key(&key, vk);
	if (err < 0)
		return err;
	cdx_abi_begin(&w, 1);
	cdx_abi_dynamic(&w, &key);
	return cdx_abi_end(&w, out);
}

int cdx_deploy_marketplace_args(struct cdx_buf *out,
				const struct cdx_market_config *config,
				const struct cdx_addr *token,
				const struct cdx_addr *verifier)
{
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf sole = {.p = NULL};
	struct cdx_buf tuple;
	struct cdx_abi w;
	int err = cdx_market_config_encode(&sole, config);

	if (err < 0)
		return err;
	/* behind the offset, which is another here */
	tuple = (struct cdx_buf){.p = sole.p + 32, .len = sole.len - 32};
	cdx_abi_begin(&w, 3);
	cdx_abi_dynamic(&w, &tuple);
	cdx_abi_addr(&w, token->b);
	cdx_abi_addr(&w, verifier->b);
	return cdx_abi_end(&w, out);
}

int cdx_deploy(struct cdx_sender *from, const void *code, size_t len,
	       cdx_send_fn *fn, void *arg)
{
	const struct cdx_send_req req = {
		.create = true,
		.data = code,
		.len = len,
	};

	if (len > CDX_INIT_CODE_MAX)
		return -E2BIG;
	return cdx_sender_send(from, NULL, &req, fn, arg);
}
