/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/json.h"
#include "eth/rpc_internal.h"

/* Answers of nodes are a few levels deep; jansson recurses into them. */
#define DEPTH_MAX 64u
/* What jansson makes of "[]," takes forty times its bytes: the number of values
 * is bounded too.  A log of the chain has some 25 in 800 bytes. */
#define VALUES_MAX (1u << 20)
/* Nesting of "data" in errors that is followed */
#define DATA_DEPTH 4

void cdx_rpc_printable(char *out, size_t cap, const char *in, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)in[i];
		bool plain = c >= 0x20 && c < 0x7f;

		/* room for this one, "..." and NUL */
		if (at + (plain ? 1 : 4) + 4 > cap) {
			memcpy(out + at, "...", 3);
			at += 3;
			break;
		}
		if (plain) {
			out[at++] = (char)c;
			continue;
		}
		out[at++] = '\\';
		out[at++] = 'x';
		out[at++] = digits[c >> 4];
		out[at++] = digits[c & 15];
	}
	out[at] = '\0';
}

static void put_words(char *out, size_t cap, const json_t *text)
{
	out[0] = '\0';
	if (json_is_string(text))
		cdx_rpc_printable(out, cap, json_string_value(text),
				  json_string_length(text));
}

/* Before jansson sees it.  Whether the text is sound is not asked here. */
static bool is_modest(const char *p, size_t len)
{
	size_t depth = 0;
	size_t values = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char c = p[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		if (quoted)
			continue;
		if (c == '[' || c == '{') {
			depth++;
			values++;
		} else if ((c == ']' || c == '}') && depth) {
			depth--;
		} else if (c == ',') {
			values++;
		}
		if (depth > DEPTH_MAX || values > VALUES_MAX)
			return false;
	}
	return true;
}

static int load(json_t **out, const char *p, size_t len,
		char why[CDX_RPC_WHY_MAX])
{
	json_error_t error;
	char words[CDX_RPC_MESSAGE_MAX];

	if (!is_modest(p, len)) {
		snprintf(why, CDX_RPC_WHY_MAX,
			 "its answer is nested too deep or has too many "
			 "values");
		return CDX_E_FORMAT;
	}
	/* A contract's words may hold NUL; no reader of ours ends at it. */
	*out = json_loadb(p, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
			  &error);
	if (*out)
		return 0;
	if (json_error_code(&error) == json_error_out_of_memory)
		return -ENOMEM;
	cdx_rpc_printable(words, sizeof(words), error.text, strlen(error.text));
	snprintf(why, CDX_RPC_WHY_MAX, "its answer is no JSON: %s", words);
	return CDX_E_FORMAT;
}

/* Nodes wrap what a contract reverted with in different ways: "data":"0x",
 * {"data":"0x"}, {"data":{"data":"0x"}}, {"result":"0x"} among other members, or
 * an object by the transaction's hash whose member "return" it is. */
static json_t *find_data(json_t *v)
{
	static const char *const names[] = {"data", "return", "output",
					    "result"};

	for (int depth = 0; depth < DATA_DEPTH && json_is_object(v); depth++) {
		json_t *inner = NULL;

		for (size_t i = 0; !inner && i < CDX_ARRAY_LEN(names); i++)
			inner = json_object_get(v, names[i]);
		if (!inner)
			inner = json_object_iter_value(json_object_iter(v));
		v = inner;
	}
	return v;
}

/* Whether @data was filled.  Parity and its heirs say "Reverted 0x". */
static bool put_data(struct cdx_buf *data, json_t *v)
{
	static const char reverted[] = "Reverted ";
	const char *text;
	json_t *rest;
	int rc;

	v = find_data(v);
	text = json_string_value(v);
	if (!text || strncmp(text, reverted, strlen(reverted)) != 0)
		return cdx_json_get_bytes(v, data) == 0;
	rest = json_string(text + strlen(reverted));
	rc = cdx_json_get_bytes(rest, data);
	json_decref(rest);
	return rc == 0;
}

static void put_error(struct cdx_rpc_answers *out, size_t i, json_t *error)
{
	struct cdx_rpc_reply *r = &out->replies[i];

	r->result = NULL;
	r->code = json_integer_value(json_object_get(error, "code"));
	put_words(out->messages[i], sizeof(out->messages[i]),
		  json_object_get(error, "message"));
	r->has_data = put_data(&out->data[i], json_object_get(error, "data"));
	r->data = out->data[i].p;
	r->data_len = r->has_data ? out->data[i].len : 0;
}

/* The error of an answer, or NULL; some nodes send "error":null. */
static json_t *error_of(json_t *answer)
{
	json_t *error = json_object_get(answer, "error");

	return json_is_object(error) ? error : NULL;
}

/* Which request an answer is for.  -ENOENT: none of ours */
static int index_of(size_t *out, const struct cdx_rpc_asked *asked,
		    json_t *answer)
{
	json_t *id = json_object_get(answer, "id");
	uint64_t at = (uint64_t)json_integer_value(id) - asked->first_id;

	/* what is below the first is very large here */
	if (!json_is_integer(id) || at >= asked->n)
		return -ENOENT;
	*out = (size_t)at;
	return 0;
}

static int refuse(char why[CDX_RPC_WHY_MAX], const char *words)
{
	snprintf(why, CDX_RPC_WHY_MAX, "%s", words);
	return CDX_E_FORMAT;
}

static int put_answer(struct cdx_rpc_answers *out, size_t i, json_t *answer,
		      char why[CDX_RPC_WHY_MAX])
{
	json_t *error = error_of(answer);

	if (out->given[i])
		return refuse(why, "it answered a request twice");
	out->given[i] = true;
	if (error) {
		put_error(out, i, error);
		return 0;
	}
	out->replies[i].result = json_object_get(answer, "result");
	if (!out->replies[i].result)
		return refuse(why, "its answer has neither result nor error");
	return 0;
}

/* A node that cannot read a request does not know its id either. */
static int decode_single(struct cdx_rpc_answers *out,
			 const struct cdx_rpc_asked *asked,
			 char why[CDX_RPC_WHY_MAX])
{
	json_t *error = error_of(out->root);
	size_t i = 0;

	if (!json_is_object(out->root))
		return refuse(why, "its answer is no JSON-RPC");
	if (index_of(&i, asked, out->root) == 0)
		return put_answer(out, i, out->root, why);
	if (!error || json_is_integer(json_object_get(out->root, "id")))
		return refuse(why, "its answer is not to what was asked");
	put_error(out, 0, error);
	return 0;
}

/* Answers come in any order.  One that nobody asked for is passed over; when
 * some are missing, an error among what is there tells why. */
static int decode_batch(struct cdx_rpc_answers *out,
			const struct cdx_rpc_asked *asked,
			char why[CDX_RPC_WHY_MAX])
{
	json_t *error = NULL;
	size_t found = 0;
	size_t i;
	json_t *answer;

	json_array_foreach(out->root, i, answer)
	{
		size_t at;
		int rc;

		if (!error)
			error = error_of(answer);
		if (index_of(&at, asked, answer) != 0)
			continue;
		rc = put_answer(out, at, answer, why);
		if (rc != 0)
			return rc;
		found++;
	}
	if (found == asked->n)
		return 0;
	if (!error)
		return refuse(why, "its answer to a batch is not complete");
	put_error(out, 0, error);
	return CDX_E_CHAIN;
}

static int make_room(struct cdx_rpc_answers *out, size_t n)
{
	out->replies = calloc(n, sizeof(*out->replies));
	out->messages = calloc(n, sizeof(*out->messages));
	out->data = calloc(n, sizeof(*out->data));
	out->given = calloc(n, sizeof(*out->given));
	if (!out->replies || !out->messages || !out->data || !out->given)
		return -ENOMEM;
	out->n = n;
	for (size_t i = 0; i < n; i++) {
		out->replies[i].message = out->messages[i];
		out->replies[i].endpoint = "";
		out->replies[i].why = "";
	}
	return 0;
}

int cdx_rpc_decode(struct cdx_rpc_answers *out, const void *p, size_t len,
		   const struct cdx_rpc_asked *asked, char why[CDX_RPC_WHY_MAX])
{
	int rc = load(&out->root, p, len, why);

	if (rc != 0)
		return rc;
	if (make_room(out, asked->n) != 0)
		return -ENOMEM;
	if (!asked->batch)
		return decode_single(out, asked, why);
	if (json_is_array(out->root))
		return decode_batch(out, asked, why);
	if (!error_of(out->root))
		return refuse(why, "its answer to a batch is no JSON-RPC");
	put_error(out, 0, error_of(out->root));
	return CDX_E_CHAIN;
}

void cdx_rpc_answers_free(struct cdx_rpc_answers *a)
{
	for (size_t i = 0; a->data && i < a->n; i++)
		cdx_buf_free(&a->data[i]);
	free(a->replies);
	free(a->messages);
	free(a->data);
	free(a->given);
	json_decref(a->root);
	*a = (struct cdx_rpc_answers){0};
}

static bool mentions(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasestr(text, words[i]))
			return true;
	}
	return false;
}

/* EIP-1474 has -32005 "limit exceeded" for both: too many requests, and a
 * request that finds too much.  Only the words tell. */
bool cdx_rpc_speaks_of_node(const struct cdx_rpc_reply *reply)
{
	static const char *const request[] = {"block range", "blocks range",
					      "results",     "response size",
					      "logs",	     "batch"};
	static const char *const node[] = {
		"rate limit",	   "rate-limit",   "too many requests",
		"request limit",   "requests per", "request count",
		"syncing",	   "not synced",   "capacity",
		"quota",	   "overloaded",   "node is busy",
		"try again later", "unauthorized", "api key",
	};
	static const char reverted[] = "execution reverted";

	if (mentions(reply->message, request, CDX_ARRAY_LEN(request)))
		return false;
	if (reply->code == 429 || reply->code == -32005)
		return true;
	/* a contract's own words are not the node's */
	if (reply->has_data ||
	    strncmp(reply->message, reverted, strlen(reverted)) == 0)
		return false;
	return mentions(reply->message, node, CDX_ARRAY_LEN(node));
}
