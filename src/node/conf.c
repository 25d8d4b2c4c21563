/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "node/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "node/conf_keys.h"

#define FILE_MAX (64u << 10)

static int no_memory(char why[CDX_CONF_WHY_MAX])
{
	snprintf(why, CDX_CONF_WHY_MAX, "%s", cdx_strerror(-ENOMEM));
	return -ENOMEM;
}

const struct cdx_conf_def *cdx_conf_def(enum cdx_conf_key key)
{
	if (key < CDX_CONF_CHAIN_END)
		return &cdx_conf_chain_keys[key];
	if (key < CDX_CONF_NODE_END)
		return &cdx_conf_node_keys[key - CDX_CONF_CHAIN_END];
	if (key < CDX_CONF_API_END)
		return &cdx_conf_api_keys[key - CDX_CONF_NODE_END];
	return &cdx_conf_market_keys[key - CDX_CONF_API_END];
}

void cdx_conf_values_free(enum cdx_conf_key key, union cdx_conf_values *v)
{
	if (key < CDX_CONF_CHAIN_END)
		cdx_conf_chain_free(&v->chain);
	else if (key < CDX_CONF_NODE_END)
		cdx_conf_node_free(&v->node);
	else if (key < CDX_CONF_API_END)
		cdx_conf_api_free(&v->api);
}

enum cdx_conf_key cdx_conf_key_of(const char *name)
{
	unsigned i = 0;

	while (i < CDX_CONF_KEYS && strcmp(cdx_conf_def(i)->name, name) != 0)
		i++;
	return (enum cdx_conf_key)i;
}

/* ---- which file ---- */

/* One that somebody named must be there */
static int named(char **out, const char *path, char why[CDX_CONF_WHY_MAX])
{
	int rc;

	*out = realpath(path, NULL);
	if (*out != NULL)
		return 1;
	rc = -errno;
	snprintf(why, CDX_CONF_WHY_MAX, "cannot read the configuration %s: %s",
		 path, cdx_strerror(rc));
	return rc;
}

int cdx_conf_find(char **out, const char *given, const char *store,
		  char why[CDX_CONF_WHY_MAX])
{
	const char *env = getenv("CODEXFS_CONFIG");
	char *path = NULL;

	if (given != NULL)
		return named(out, given, why);
	if (env != NULL && env[0] != '\0')
		return named(out, env, why);
	if (store != NULL) {
		if (asprintf(&path, "%s/codexfs.conf", store) < 0)
			return no_memory(why);
		if (access(path, F_OK) == 0) {
			*out = path;
			return 1;
		}
		free(path);
	}
	if (access(CDX_CONF_SYSTEM, F_OK) < 0)
		return 0;
	*out = strdup(CDX_CONF_SYSTEM);
	return *out == NULL ? no_memory(why) : 1;
}

/* ---- values ---- */

char *cdx_conf_absolute(const char *path)
{
	char *cwd;
	char *out = NULL;

	if (path[0] == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	if (cwd != NULL && asprintf(&out, "%s/%s", cwd, path) < 0)
		out = NULL;
	free(cwd);
	return out;
}

/* A path beside the file that names it, or in the folder that an option is
 * given in, stays the same when the process moves elsewhere. */
static char *absolute(const char *text, const char *file)
{
	const char *slash = file == NULL ? NULL : strrchr(file, '/');
	char *out = NULL;

	if (text[0] == '/' || slash == NULL)
		return cdx_conf_absolute(text);
	if (asprintf(&out, "%.*s/%s", (int)(slash - file), file, text) < 0)
		out = NULL;
	return out;
}

/* As it is kept, behind what is there of a key that gathers */
static char *kept_text(const char *old, const struct cdx_conf_def *def,
		       const char *text, const char *file)
{
	char *out = NULL;

	if (def->is_path &&
	    (def->fallback == NULL || strcmp(text, def->fallback) != 0))
		return absolute(text, file);
	if (old == NULL)
		return strdup(text);
	return asprintf(&out, "%s,%s", old, text) < 0 ? NULL : out;
}

/* Checks and keeps one; @file: whose folder paths are in, NULL for an option */
static int set(struct cdx_conf *c, enum cdx_conf_key key, const char *text,
	       const char *file, const char *from, char why[CDX_CONF_WHY_MAX])
{
	const struct cdx_conf_def *def = cdx_conf_def(key);
	union cdx_conf_values scratch;
	bool gathers = def->gathers && c->value[key].text != NULL &&
		       c->value[key].option == (file == NULL);
	char *kept =
		kept_text(gathers ? c->value[key].text : NULL, def, text, file);
	char *origin = strdup(from);
	int rc;

	if (kept == NULL || origin == NULL) {
		free(kept);
		free(origin);
		return no_memory(why);
	}
	memset(&scratch, 0, sizeof(scratch));
	rc = def->read(&scratch, kept, why);
	cdx_conf_values_free(key, &scratch);
	/* what an option says stands; the file's is only checked */
	if (rc < 0 || (file != NULL && c->value[key].option)) {
		free(kept);
		free(origin);
		return rc;
	}
	free(c->value[key].text);
	free(c->value[key].from);
	c->value[key].text = kept;
	c->value[key].from = origin;
	c->value[key].option = file == NULL;
	return 0;
}

int cdx_conf_option(struct cdx_conf *c, enum cdx_conf_key key, const char *text,
		    char why[CDX_CONF_WHY_MAX])
{
	const struct cdx_conf_def *def = cdx_conf_def(key);
	char reason[CDX_CONF_WHY_MAX] = "";
	char from[64];
	int rc;

	snprintf(from, sizeof(from), "--%s", def->name);
	/* other users of the machine see arguments */
	if (key == CDX_CONF_RPC && strchr(text, '@') != NULL) {
		snprintf(why, CDX_CONF_WHY_MAX,
			 "--%s: a URL with a user and password belongs into a "
			 "configuration file, not among the arguments, which "
			 "everybody can read",
			 def->name);
		return -EINVAL;
	}
	rc = set(c, key, text, NULL, from, reason);
	if (rc < 0)
		snprintf(why, CDX_CONF_WHY_MAX, "--%s: %.900s", def->name,
			 reason);
	return rc;
}

/* ---- a file ---- */

/* inih does not tell its handler the line, so we hand the lines out and count
 * them; and we take the blanks off their beginning, which to inih mean that the
 * last value goes on. */
struct reading {
	struct cdx_conf *c;
	const char *file;
	char *next;		 /* rest of the file */
	int line;		 /* handed out last, from 1 */
	int bad;		 /* line of the first complaint, 0: none */
	int rc;			 /* of the first complaint */
	int seen[CDX_CONF_KEYS]; /* line of the key; 0: not yet */
	char *why;
};

static void complain(struct reading *r, int rc, const char *reason)
{
	if (r->bad != 0)
		return;
	r->bad = r->line;
	r->rc = rc;
	snprintf(r->why, CDX_CONF_WHY_MAX, "%.400s:%d: %.500s", r->file,
		 r->line, reason);
}

static bool known_section(const char *name, size_t len)
{
	for (unsigned i = 0; i < CDX_CONF_KEYS; i++)
		if (strlen(cdx_conf_def(i)->section) == len &&
		    strncmp(cdx_conf_def(i)->section, name, len) == 0)
			return true;
	return false;
}

/* inih says nothing of a section without keys */
static void check_section(struct reading *r, const char *line)
{
	size_t len = strcspn(line + 1, "]");
	char reason[128];

	if (line[1 + len] == '\0' || known_section(line + 1, len))
		return;
	snprintf(reason, sizeof(reason), "there is no section [%.*s]",
		 len > 64 ? 64 : (int)len, line + 1);
	complain(r, -EINVAL, reason);
}

static char *hand_out(char *out, int cap, void *stream)
{
	struct reading *r = stream;
	char reason[96];
	size_t len;
	char *line;

	if (r->next == NULL || *r->next == '\0' || cap < 2)
		return NULL;
	r->line++;
	line = r->next;
	len = strcspn(line, "\n");
	r->next = line + len + (line[len] == '\n');
	while (len > 0 && strchr(" \t\r", *line) != NULL) {
		line++;
		len--;
	}
	if (len + 1 >= (size_t)cap) {
		snprintf(reason, sizeof(reason),
			 "the line is longer than %d bytes", cap - 2);
		complain(r, -EINVAL, reason);
		len = 0;
	}
	memcpy(out, line, len);
	out[len] = '\0';
	if (out[0] == '[')
		check_section(r, out);
	return out;
}

/* Not 0: it was taken */
static int take(void *user, const char *section, const char *name,
		const char *value)
{
	struct reading *r = user;
	enum cdx_conf_key key = cdx_conf_key_of(name);
	char reason[CDX_CONF_WHY_MAX] = "";
	char *from = NULL;
	int rc = -EINVAL;

	if (section[0] == '\0')
		snprintf(reason, sizeof(reason),
			 "%.64s stands before the first section; [%s] belongs "
			 "above it",
			 name,
			 key == CDX_CONF_KEYS ? "chain"
					      : cdx_conf_def(key)->section);
	else if (key == CDX_CONF_KEYS ||
		 strcmp(cdx_conf_def(key)->section, section) != 0)
		snprintf(reason, sizeof(reason),
			 "there is no key %.64s in section [%.64s]", name,
			 section);
	else if (value[0] == '\0')
		snprintf(reason, sizeof(reason), "%s has no value", name);
	else if (r->seen[key] != 0 && !cdx_conf_def(key)->gathers)
		snprintf(reason, sizeof(reason),
			 "%s is there already, in line %d", name, r->seen[key]);
	else if (asprintf(&from, "%s:%d", r->file, r->line) < 0)
		rc = no_memory(reason);
	else
		rc = set(r->c, key, value, r->file, from, reason);
	if (key != CDX_CONF_KEYS && r->seen[key] == 0)
		r->seen[key] = r->line;
	if (rc < 0)
		complain(r, rc, reason);
	if (from != NULL)
		free(from);
	return rc == 0;
}

static int parse(struct reading *r)
{
	int first = ini_parse_stream(hand_out, r, take, r);

	if (first < 0)
		return no_memory(r->why);
	/* the first line that inih minds is ours, or one that it cannot read */
	if (first > 0 && (r->bad == 0 || first < r->bad)) {
		r->bad = 0;
		r->line = first;
		complain(r, -EINVAL,
			 "neither [section], nor key = value, nor a comment");
	}
	return r->rc;
}

int cdx_conf_read(struct cdx_conf *c, const char *file,
		  char why[CDX_CONF_WHY_MAX])
{
	char *text = malloc(FILE_MAX + 1);
	struct reading r = {.c = c, .file = file, .next = text, .why = why};
	ssize_t n;
	int rc;

	if (text == NULL)
		return no_memory(why);
	n = cdx_file_read(AT_FDCWD, file, text, FILE_MAX);
	if (n < 0) {
		snprintf(why, CDX_CONF_WHY_MAX,
			 "cannot read the configuration %.700s: %s", file,
			 n == -EFBIG ? "it has more than 64 KiB"
				     : cdx_strerror((int)n));
		free(text);
		return (int)n;
	}
	text[n] = '\0';
	c->file = strdup(file);
	if (c->file == NULL) {
		rc = no_memory(why);
	} else if (strlen(text) != (size_t)n) {
		snprintf(why, CDX_CONF_WHY_MAX, "%.900s: it is no text", file);
		rc = -EINVAL;
	} else {
		rc = parse(&r);
	}
	/* a URL may have had a password in it */
	explicit_bzero(text, FILE_MAX + 1);
	free(text);
	return rc;
}

/* ---- what it says ---- */

/* http://user:password@host becomes http://...@host, for every URL */
static char *without_passwords(const char *urls)
{
	char *out = calloc(1, 5 * strlen(urls) + 1);
	char *to = out;

	while (out != NULL && *urls != '\0') {
		size_t len = strcspn(urls, ",");
		const char *host = strstr(urls, "://");
		const char *at;

		host = host == NULL || host > urls + len ? urls : host + 3;
		at = memrchr(host, '@', strcspn(host, "/,?#"));
		if (at != NULL) {
			to = mempcpy(to, urls, (size_t)(host - urls));
			to = mempcpy(to, "...", 3);
			len -= (size_t)(at - urls);
			urls = at;
		}
		to = mempcpy(to, urls, len);
		urls += len;
		if (*urls == ',')
			*to++ = *urls++;
	}
	return out;
}

int cdx_conf_show(const struct cdx_conf *c, enum cdx_conf_key key,
		  struct cdx_conf_shown *out)
{
	const struct cdx_conf_def *def = cdx_conf_def(key);
	const char *text = c->value[key].text;
	char *copy = NULL;
	bool set_by = text != NULL;

	if (!set_by)
		text = def->fallback;
	if (text != NULL) {
		copy = key == CDX_CONF_RPC ? without_passwords(text)
					   : strdup(text);
		if (copy == NULL)
			return -ENOMEM;
	}
	out->section = def->section;
	out->name = def->name;
	out->text = copy;
	out->from = set_by ? c->value[key].from : "default";
	return 0;
}

int cdx_conf_values(const struct cdx_conf *c, union cdx_conf_values *out,
		    enum cdx_conf_key from, enum cdx_conf_key end,
		    char why[CDX_CONF_WHY_MAX])
{
	int rc = 0;

	memset(out, 0, sizeof(*out));
	for (unsigned i = from; i < end && rc == 0; i++) {
		const char *text = c->value[i].text != NULL
					   ? c->value[i].text
					   : cdx_conf_def(i)->fallback;

		if (text != NULL)
			rc = cdx_conf_def(i)->read(out, text, why);
	}
	if (rc < 0)
		cdx_conf_values_free(from, out);
	return rc;
}

int cdx_conf_chain(const struct cdx_conf *c, struct cdx_conf_chain *out)
{
	union cdx_conf_values v;
	char why[CDX_CONF_WHY_MAX];
	int rc = cdx_conf_values(c, &v, CDX_CONF_RPC, CDX_CONF_CHAIN_END, why);

	/* its pointers lead into what it owns, not into itself */
	*out = v.chain;
	return rc;
}

int cdx_conf_copy(struct cdx_conf *out, const struct cdx_conf *c)
{
	bool ok = true;

	memset(out, 0, sizeof(*out));
	if (c->file != NULL)
		ok = (out->file = strdup(c->file)) != NULL;
	for (unsigned i = 0; i < CDX_CONF_KEYS && ok; i++) {
		if (c->value[i].text == NULL)
			continue;
		out->value[i].text = strdup(c->value[i].text);
		out->value[i].from = strdup(c->value[i].from);
		out->value[i].option = c->value[i].option;
		ok = out->value[i].text != NULL && out->value[i].from != NULL;
	}
	if (!ok)
		cdx_conf_free(out);
	return ok ? 0 : -ENOMEM;
}

void cdx_conf_free(struct cdx_conf *c)
{
	for (unsigned i = 0; i < CDX_CONF_KEYS; i++) {
		char *text = c->value[i].text;

		if (text != NULL && i == CDX_CONF_RPC)
			explicit_bzero(text, strlen(text));
		free(text);
		free(c->value[i].from);
	}
	free(c->file);
	memset(c, 0, sizeof(*c));
}
