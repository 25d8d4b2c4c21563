/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "crypto/hash.h"
#include "node/node.h"

#define KEY_FILE_MAX 4096

static int read_password_file(char out[CDX_PASSWORD_MAX], const char *file)
{
	ssize_t n = cdx_file_read(AT_FDCWD, file, out, CDX_PASSWORD_MAX - 1);
	char *end;

	if (n < 0)
		return (int)n;
	out[n] = '\0';
	end = strpbrk(out, "\r\n");
	if (end != NULL)
		*end = '\0';
	return out[0] == '\0' ? -EINVAL : 0;
}

static int ask(char out[CDX_PASSWORD_MAX], FILE *tty, const char *prompt)
{
	struct termios old;
	struct termios quiet;
	bool echo_off = tcgetattr(fileno(tty), &old) == 0;
	char *end;
	int rc = 0;

	fprintf(tty, "%s: ", prompt);
	fflush(tty);
	if (echo_off) {
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(fileno(tty), TCSAFLUSH, &quiet);
	}
	if (fgets(out, CDX_PASSWORD_MAX, tty) == NULL)
		rc = -ENOKEY;
	if (echo_off)
		tcsetattr(fileno(tty), TCSAFLUSH, &old);
	fputc('\n', tty);
	if (rc < 0)
		return rc;
	end = strchr(out, '\n');
	if (end == NULL || end == out)
		return -EINVAL;
	*end = '\0';
	return 0;
}

int cdx_node_password(char out[CDX_PASSWORD_MAX], const char *file,
		      const char *prompt, bool twice)
{
	char again[CDX_PASSWORD_MAX];
	FILE *tty;
	int rc;

	if (file != NULL)
		return read_password_file(out, file);
	tty = fopen("/dev/tty", "r+");
	if (tty == NULL)
		return -ENOKEY;
	setvbuf(tty, NULL, _IONBF, 0);
	rc = ask(out, tty, prompt);
	if (rc == 0 && twice) {
		rc = ask(again, tty, "The same again");
		if (rc == 0 && strcmp(out, again) != 0)
			rc = -EINVAL;
		cdx_wipe(again, sizeof(again));
	}
	fclose(tty);
	return rc;
}

/* Reads the file's bytes; it must be ours alone. */
static ssize_t read_key_bytes(uint8_t buf[KEY_FILE_MAX], const char *path,
			      char error[CDX_NODE_ERROR_MAX])
{
	struct stat st;
	ssize_t n;

	if (stat(path, &st) < 0) {
		n = -errno;
		if (n == -ENOENT)
			snprintf(error, CDX_NODE_ERROR_MAX,
				 "there is no key file %s; give its place "
				 "with --key, or make the store with "
				 "codexfs init",
				 path);
		else
			snprintf(error, CDX_NODE_ERROR_MAX,
				 "cannot read the key file %s: %s", path,
				 cdx_strerror((int)n));
		return n;
	}
	if ((st.st_mode & 077) != 0) {
		snprintf(error, CDX_NODE_ERROR_MAX,
			 "the key file %s can be read by others; protect it "
			 "with: chmod 600 %s",
			 path, path);
		return -EACCES;
	}
	n = cdx_file_read(AT_FDCWD, path, buf, KEY_FILE_MAX);
	if (n < 0)
		snprintf(error, CDX_NODE_ERROR_MAX,
			 "cannot read the key file %s: %s", path,
			 cdx_strerror((int)n));
	return n;
}

static void explain(char error[CDX_NODE_ERROR_MAX], int rc, const char *path)
{
	const char *why = cdx_strerror(rc);

	if (rc == CDX_E_FORMAT)
		why = "it is damaged or no key file; make it again from the "
		      "24 words with: codexfs key restore";
	else if (rc == CDX_E_AUTH)
		why = "the password is wrong";
	else if (rc == CDX_E_VERSION)
		why = "it was made by a newer codexfs";
	else if (rc == -ENOKEY)
		why = "it is sealed with a password and there is no terminal "
		      "to ask on; give --password-file";
	snprintf(error, CDX_NODE_ERROR_MAX, "cannot use the key file %s: %s",
		 path, why);
}

int cdx_node_keys(struct cdx_keyfile *out, const char *store,
		  const char *key_file, const char *password_file,
		  char error[CDX_NODE_ERROR_MAX])
{
	uint8_t buf[KEY_FILE_MAX];
	char password[CDX_PASSWORD_MAX];
	char *path = NULL;
	ssize_t n;
	int rc;

	if (asprintf(&path, "%s%s", key_file != NULL ? key_file : store,
		     key_file != NULL ? "" : "/key") < 0)
		return -ENOMEM;
	n = read_key_bytes(buf, path, error);
	if (n < 0) {
		free(path);
		return (int)n;
	}
	if (cdx_keyfile_is_sealed(buf, (size_t)n)) {
		rc = cdx_node_password(password, password_file,
				       "Password of the key file", false);
		if (rc == 0)
			rc = cdx_keyfile_decode(out, buf, (size_t)n, password);
		cdx_wipe(password, sizeof(password));
	} else {
		rc = cdx_keyfile_decode(out, buf, (size_t)n, NULL);
	}
	cdx_wipe(buf, sizeof(buf));
	if (rc < 0)
		explain(error, rc, path);
	free(path);
	return rc;
}
