/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_CONF_KIT_H
#define CDX_TESTS_CONF_KIT_H

/* A configuration file in a folder of its own, for tests of what is taken and
 * refused.  Include it after cmocka. */

#include <fcntl.h>

#include "base/io.h"
#include "node/conf.h"

#define ADDRESS "0x322813Fd9A801c5507c9de605d63CEA4f2CE6c44"

static char folder[128];
static char path[160];

static inline int setup(void **state)
{
	const char *dir = getenv("TMPDIR");

	(void)state;
	snprintf(folder, sizeof(folder), "%s/cdx-conf-XXXXXX",
		 dir != NULL ? dir : "/tmp");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/codexfs.conf", folder);
	unsetenv("CODEXFS_CONFIG");
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

static inline void write_file(const void *p, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(cdx_write_full(fd, p, len), 0);
	close(fd);
}

static inline int read_text(struct cdx_conf *c, const char *text,
			    char why[CDX_CONF_WHY_MAX])
{
	why[0] = '\0';
	write_file(text, strlen(text));
	return cdx_conf_read(c, path, why);
}

/* They begin with the file and line @line (0: no line), and have @words */
static inline void assert_words(const char *why, int line, const char *words)
{
	char place[200];

	if (line > 0)
		snprintf(place, sizeof(place), "%s:%d: ", path, line);
	else
		snprintf(place, sizeof(place), "%s: ", path);
	if (strncmp(why, place, strlen(place)) != 0 ||
	    strstr(why, words) == NULL)
		fail_msg("\"%s\" is not %s...%s...", why, place, words);
}

/* The text is refused, in line @line (0: no line), in words that have @words */
static inline void refuses(const char *text, int line, const char *words)
{
	char why[CDX_CONF_WHY_MAX];
	struct cdx_conf c = {0};

	assert_true(read_text(&c, text, why) < 0);
	assert_words(why, line, words);
	cdx_conf_free(&c);
}

static inline void assert_shown(const struct cdx_conf *c, enum cdx_conf_key key,
				const char *text, const char *from)
{
	struct cdx_conf_shown v;

	assert_int_equal(cdx_conf_show(c, key, &v), 0);
	if (text == NULL)
		assert_null(v.text);
	else
		assert_string_equal(v.text, text);
	assert_string_equal(v.from, from);
	free(v.text);
}

#endif
