/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "net/listen.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

#define BACKLOG 1024
/* of a socket in /proc/net/tcp */
#define STATE_LISTEN 0x0A

unsigned cdx_listen_port(const struct sockaddr *sa)
{
	const void *p = sa;
	const struct sockaddr_in *in4 = p;
	const struct sockaddr_in6 *in6 = p;

	if (sa->sa_family == AF_INET)
		return ntohs(in4->sin_port);
	return sa->sa_family == AF_INET6 ? ntohs(in6->sin6_port) : 0;
}

/* ---- who holds a port ---- */

/* Inode of a socket that listens at @port, of a table in /proc/net; 0: none */
static unsigned long holder_inode(const char *table, unsigned port)
{
	FILE *f = fopen(table, "re");
	unsigned long inode = 0;
	char *line = NULL;
	size_t cap = 0;

	if (f == NULL)
		return 0;
	while (inode == 0 && getline(&line, &cap, f) >= 0) {
		unsigned at;
		unsigned state;
		unsigned long found;

		if (sscanf(line,
			   " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x "
			   "%*x:%*x %*x:%*x %*x %*u %*u %lu",
			   &at, &state, &found) == 3 &&
		    at == port && state == STATE_LISTEN)
			inode = found;
	}
	free(line);
	fclose(f);
	return inode;
}

/* Has this process the socket open? */
static bool has_socket(const char *pid, unsigned long inode)
{
	char path[64];
	char want[64];
	char link[64];
	bool found = false;
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	snprintf(want, sizeof(want), "socket:[%lu]", inode);
	dir = opendir(path);
	if (dir == NULL)
		return false;
	while (!found && (d = readdir(dir)) != NULL) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, link,
				       sizeof(link) - 1);

		if (n < 0)
			continue;
		link[n] = '\0';
		found = strcmp(link, want) == 0;
	}
	closedir(dir);
	return found;
}

/* " by process 12 (nginx)", or nothing when that cannot be told */
static void holder_text(char out[128], unsigned port)
{
	unsigned long inode = holder_inode("/proc/net/tcp", port);
	DIR *proc = opendir("/proc");
	struct dirent *d;

	out[0] = '\0';
	if (inode == 0)
		inode = holder_inode("/proc/net/tcp6", port);
	while (proc != NULL && inode != 0 && (d = readdir(proc)) != NULL) {
		char path[64];
		char comm[32];
		ssize_t n;

		if (d->d_name[0] < '1' || d->d_name[0] > '9' ||
		    !has_socket(d->d_name, inode))
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/comm", d->d_name);
		n = cdx_file_read(AT_FDCWD, path, comm, sizeof(comm) - 1);
		if (n <= 0)
			break;
		comm[n - 1] = '\0';
		snprintf(out, 128, " by process %.20s (%s)", d->d_name, comm);
		break;
	}
	if (proc != NULL)
		closedir(proc);
}

/* ---- addresses ---- */

/* The port at the end of "...:PORT", and where the colon is */
static int parse_port(const char *text, size_t *host_len)
{
	const char *colon = strrchr(text, ':');
	unsigned long port = 0;

	if (colon == NULL || colon[1] == '\0')
		return -EINVAL;
	for (const char *p = colon + 1; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		port = port * 10 + (unsigned long)(*p - '0');
		if (port > 65535)
			return -EINVAL;
	}
	*host_len = (size_t)(colon - text);
	return (int)port;
}

/* @any: both families, which is what ":PORT" says */
static int parse(struct sockaddr_storage *out, bool *any, const char *text)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	const char *name;
	char host[64];
	size_t len;
	int port = parse_port(text, &len);

	memset(out, 0, sizeof(*out));
	*any = false;
	if (port < 0 || len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	name = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
	if (inet_pton(AF_INET, name, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons((uint16_t)port);
		return 0;
	}
	*any = len == 0;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	if (*any)
		return 0;
	if (host[0] != '[' || host[len - 1] != ']')
		return -EINVAL;
	host[len - 1] = '\0';
	return inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1 ? 0
								   : -EINVAL;
}

static int open_socket(struct sockaddr_storage *addr, bool any)
{
	const int one = 1;
	const int only6 = any ? 0 : 1;
	bool v6 = addr->ss_family == AF_INET6;
	socklen_t len =
		v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	int fd = socket(addr->ss_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	/* connections of a server that has ended do not keep the next one out */
	(void)!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6,
			     sizeof(only6)) < 0)
		rc = -errno;
	if (rc == 0 && (bind(fd, (struct sockaddr *)addr, len) < 0 ||
			listen(fd, BACKLOG) < 0))
		rc = -errno;
	len = sizeof(*addr);
	if (rc == 0 && getsockname(fd, (struct sockaddr *)addr, &len) < 0)
		rc = -errno;
	if (rc < 0)
		cdx_close(&fd);
	return rc < 0 ? rc : fd;
}

static void explain(char why[CDX_LISTEN_WHY_MAX], const char *text,
		    unsigned port, int rc)
{
	char who[128];

	if (rc == -EADDRINUSE) {
		holder_text(who, port);
		snprintf(why, CDX_LISTEN_WHY_MAX,
			 "%.64s: the port is in use%s; end that, or listen on "
			 "another port",
			 text, who);
	} else if (rc == -EACCES) {
		snprintf(why, CDX_LISTEN_WHY_MAX,
			 "%.64s: not allowed; ports below 1024 are for root: "
			 "take a higher one",
			 text);
	} else if (rc == -EADDRNOTAVAIL) {
		snprintf(why, CDX_LISTEN_WHY_MAX,
			 "%.64s: no such address on this machine; \":PORT\" "
			 "listens on all of them",
			 text);
	} else {
		snprintf(why, CDX_LISTEN_WHY_MAX, "%.64s: %s", text,
			 strerror(-rc));
	}
}

int cdx_listen_tcp(struct sockaddr_storage *addr, const char *text,
		   char why[CDX_LISTEN_WHY_MAX])
{
	struct sockaddr_storage sa;
	unsigned port;
	bool any;
	int fd;

	why[0] = '\0';
	if (parse(&sa, &any, text) < 0) {
		snprintf(why, CDX_LISTEN_WHY_MAX,
			 "\"%.64s\" is no address to listen on: it wants "
			 "ADDRESS:PORT, [IPv6]:PORT or :PORT",
			 text);
		return -EINVAL;
	}
	port = cdx_listen_port((struct sockaddr *)&sa);
	fd = open_socket(&sa, any);
	if (fd == -EAFNOSUPPORT && any) {
		/* a machine without IPv6 */
		struct sockaddr_in in4 = {.sin_family = AF_INET,
					  .sin_port = htons((uint16_t)port)};

		memset(&sa, 0, sizeof(sa));
		memcpy(&sa, &in4, sizeof(in4));
		fd = open_socket(&sa, false);
	}
	if (fd < 0)
		explain(why, text, port, fd);
	else
		*addr = sa;
	return fd;
}
