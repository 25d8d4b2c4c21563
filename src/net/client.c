/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "net/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"

struct transfer {
	const struct cdx_request *req;
	CURL *curl;
	int result; /* first negative result of a callback */
};

static size_t on_write(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	long status = 0;
	int rc = 0;

	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (t->req->write != NULL)
		rc = t->req->write(t->req->arg, (int)status, p, size * n);
	if (rc < 0) {
		t->result = rc;
		return 0;
	}
	return size * n;
}

static size_t on_read(char *out, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	ssize_t got = t->req->read(t->req->arg, out, size * n);

	if (got < 0) {
		t->result = (int)got;
		return CURL_READFUNC_ABORT;
	}
	return (size_t)got;
}

/* A path that fits sun_path: itself, or through an open directory. */
static int short_path(const char *socket, char *out, size_t cap, int *dirfd)
{
	struct sockaddr_un sa;
	char *copy;

	if (strlen(socket) < sizeof(sa.sun_path)) {
		snprintf(out, cap, "%s", socket);
		return 0;
	}
	copy = strdup(socket);
	if (copy == NULL)
		return -ENOMEM;
	*dirfd = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (*dirfd < 0)
		return -errno;
	copy = strdup(socket);
	if (copy == NULL)
		return -ENOMEM;
	snprintf(out, cap, "/proc/self/fd/%d/%s", *dirfd, basename(copy));
	free(copy);
	return 0;
}

static int set_options(struct transfer *t, const char *path, const char *url)
{
	CURL *c = t->curl;
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, path);
	bad |= curl_easy_setopt(c, CURLOPT_URL, url);
	bad |= curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, t->req->method);
	bad |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_write);
	bad |= curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	bad |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 262144L);
	if (t->req->read != NULL) {
		bad |= curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
		bad |= curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
		bad |= curl_easy_setopt(c, CURLOPT_READDATA, t);
		bad |= curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, 262144L);
	}
	return bad == CURLE_OK ? 0 : -EINVAL;
}

static int perform(struct transfer *t, const char *path, const char *url)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	CURLcode code;
	long status = 0;
	long os_error = 0;
	int rc = set_options(t, path, url);

	if (headers != NULL)
		curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, headers);
	code = rc == 0 ? curl_easy_perform(t->curl) : CURLE_FAILED_INIT;
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &os_error);
	curl_slist_free_all(headers);
	if (rc < 0)
		return rc;
	if (t->result < 0)
		return t->result;
	if (code == CURLE_COULDNT_CONNECT)
		return os_error > 0 ? -(int)os_error : -ECONNREFUSED;
	return code == CURLE_OK ? (int)status : -ECONNRESET;
}

int cdx_request_unix(const char *socket, const struct cdx_request *req)
{
	struct transfer t = {.req = req};
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	CDX_CLEANUP(cdx_closep) int dirfd = -1;
	char *url;
	int rc = short_path(socket, path, sizeof(path), &dirfd);

	if (rc < 0)
		return rc;
	if (asprintf(&url, "http://localhost%s", req->path) < 0)
		return -ENOMEM;
	t.curl = curl_easy_init();
	rc = t.curl == NULL ? -ENOMEM : perform(&t, path, url);
	curl_easy_cleanup(t.curl);
	free(url);
	return rc;
}
