/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What a file system may be asked for, at and over every limit.
 *
 *   limits CHECK DIR    one check in the empty folder DIR
 *   limits list         the names of the checks
 *
 * Exits 0, or 1 after saying which line failed.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "limits.h"

/* ---- names ---- */

static void check_names(void)
{
	char name[258];
	struct stat st;
	int n = 0;

	for (size_t len = 254; len <= 257; len++) {
		memset(name, 'n', sizeof(name));
		name[len] = '\0';
		if (len <= 255) {
			close(make_file(name));
			CHECK(stat(name, &st) == 0);
			continue;
		}
		FAILS(ENAMETOOLONG, open(name, O_CREAT | O_RDWR, 0600));
		FAILS(ENAMETOOLONG, mkdir(name, 0700));
		FAILS(ENAMETOOLONG, symlink("x", name));
		FAILS(ENAMETOOLONG, mknod(name, S_IFIFO | 0600, 0));
		FAILS(ENAMETOOLONG, stat(name, &st));
		FAILS(ENAMETOOLONG, unlink(name));
		close(make_file("short"));
		FAILS(ENAMETOOLONG, rename("short", name));
		FAILS(ENAMETOOLONG, link("short", name));
	}
	CHECK(mkdir("bytes", 0755) == 0 && chdir("bytes") == 0);
	for (int b = 1; b < 256; b++) {
		char one[4] = {(char)b, 0};

		if (b == '/' || b == '.')
			continue;
		close(make_file(one));
		one[1] = (char)(256 - b) == '/' ? 'x' : (char)(256 - b);
		close(make_file(one));
		n += 2;
	}
	DIR *d = opendir(".");
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		n -= strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..");
		CHECK(lstat(e->d_name, &st) == 0);
	}
	closedir(d);
	CHECK(n == 0);
}

static void check_paths(void)
{
	static char path[PATH_MAX + 300];
	size_t len = 0;
	struct stat st;
	int fd;

	CHECK(getcwd(path, sizeof(path)) != NULL);
	len = strlen(path);
	while (len + 201 < PATH_MAX - 1) {
		path[len++] = '/';
		memset(path + len, 'p', 200);
		len += 200;
		path[len] = '\0';
		CHECK(mkdir(path, 0755) == 0);
	}
	path[len++] = '/';
	memset(path + len, 'f', PATH_MAX - 1 - len);
	path[PATH_MAX - 1] = '\0';
	fd = make_file(path);
	CHECK(write(fd, "x", 1) == 1 && close(fd) == 0);
	CHECK(stat(path, &st) == 0 && st.st_size == 1);
	path[PATH_MAX - 1] = 'x';
	path[PATH_MAX] = '\0';
	FAILS(ENAMETOOLONG, stat(path, &st));
	/* deeper than a path reaches */
	for (int i = 0; i < 500; i++) {
		CHECK(mkdir("d", 0755) == 0);
		CHECK(chdir("d") == 0);
	}
	close(make_file("deep"));
	CHECK(rename("deep", "deeper") == 0);
	CHECK(stat("deeper", &st) == 0);
}

static void check_symlinks(void)
{
	static char target[5000];
	static char got[5000];

	memset(target, 't', sizeof(target));
	for (size_t len = 1; len <= 4095;
	     len = len < 4094 ? len * 2 : len + 1) {
		if (len > 4000 && len < 4094)
			len = 4094;
		target[len] = '\0';
		CHECK(symlink(target, "link") == 0);
		CHECK(readlink("link", got, sizeof(got)) == (ssize_t)len);
		CHECK(memcmp(got, target, len) == 0);
		CHECK(unlink("link") == 0);
		target[len] = 't';
	}
	target[4095] = '\0';
	CHECK(symlink(target, "kept") == 0);
	target[4095] = 't';
	target[4096] = '\0';
	FAILS(ENAMETOOLONG, symlink(target, "long"));
	CHECK(symlink("loop", "loop") == 0);
	FAILS(ELOOP, open("loop", O_RDONLY));
}

static void check_links(void)
{
	char name[32];
	struct stat st;

	close(make_file("l"));
	for (int i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		CHECK(link("l", name) == 0);
	}
	CHECK(stat("l700", &st) == 0 && st.st_nlink == 1501);
	for (int i = 0; i < 1500; i += 2) {
		snprintf(name, sizeof(name), "l%d", i);
		CHECK(unlink(name) == 0);
	}
	CHECK(stat("l", &st) == 0 && st.st_nlink == 751);
	CHECK(mkdir("dir", 0755) == 0);
	FAILS(EPERM, link("dir", "dirlink"));
}

static void check_xattrs(void)
{
	static uint8_t value[65537];
	static uint8_t got[65537];
	static char list[65536];
	char name[300] = "user.";
	int n = 0;
	ssize_t len;

	close(make_file("x"));
	fill(value, sizeof(value), 1);
	CHECK(setxattr("x", "user.max", value, 65536, 0) == 0);
	CHECK(getxattr("x", "user.max", got, sizeof(got)) == 65536);
	CHECK(is_filled(got, 65536, 1));
	FAILS(ERANGE, getxattr("x", "user.max", got, 65535));
	CHECK(getxattr("x", "user.max", NULL, 0) == 65536);
	FAILS(E2BIG, setxattr("x", "user.over", value, 65537, 0));
	CHECK(setxattr("x", "user.none", value, 0, 0) == 0);
	CHECK(getxattr("x", "user.none", got, sizeof(got)) == 0);
	memset(name + 5, 'a', 250);
	CHECK(setxattr("x", name, "v", 1, 0) == 0);
	CHECK(getxattr("x", name, got, sizeof(got)) == 1);
	name[255] = 'a';
	FAILS(ERANGE, setxattr("x", name, "v", 1, 0));
	FAILS(EEXIST, setxattr("x", "user.max", "v", 1, XATTR_CREATE));
	FAILS(ENODATA, setxattr("x", "user.new", "v", 1, XATTR_REPLACE));
	FAILS(ENODATA, removexattr("x", "user.new"));
	FAILS(EOPNOTSUPP, setxattr("x", "other.space", "v", 1, 0));
	for (; n < 400; n++) {
		snprintf(name, sizeof(name), "user.many.%d", n);
		CHECK(setxattr("x", name, value, (size_t)n * 16, 0) == 0);
	}
	len = listxattr("x", list, sizeof(list));
	CHECK(len > 0);
	for (char *p = list; p < list + len; p += strlen(p) + 1)
		n -= strncmp(p, "user.many.", 10) == 0;
	CHECK(n == 0);
	for (n = 0; n < 400; n += 3) {
		snprintf(name, sizeof(name), "user.many.%d", n);
		CHECK(removexattr("x", name) == 0);
	}
	for (n = 0; n < 400; n++) {
		snprintf(name, sizeof(name), "user.many.%d", n);
		len = getxattr("x", name, got, sizeof(got));
		CHECK(n % 3 == 0 ? len < 0 : len == n * 16);
		CHECK(len < 0 || is_filled(got, (size_t)len, 1));
	}
	/* a list longer than the kernel passes on: an error, not a cut one */
	for (n = 0; n < 300; n++) {
		memset(name + 5, 'b', 250);
		snprintf(name + 5, 8, "%06d", n);
		name[11] = 'b';
		name[255] = '\0';
		if (setxattr("x", name, "", 0, 0) < 0) {
			CHECK(errno == ENOSPC || errno == E2BIG);
			break;
		}
	}
	errno = 0;
	len = listxattr("x", list, sizeof(list));
	CHECK(len > 0 || errno == E2BIG);
}

static void check_kinds(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "sock"};
	struct stat st;
	char c;
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	int t = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t pid;

	CHECK(s >= 0 && t >= 0);
	CHECK(bind(s, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK(listen(s, 1) == 0);
	CHECK(connect(t, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK(stat("sock", &st) == 0 && S_ISSOCK(st.st_mode));
	CHECK(mknod("chr", S_IFCHR | 0600, (dev_t)0xfff12) == 0);
	CHECK(stat("chr", &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(st.st_rdev == (dev_t)0xfff12);
	CHECK(mknod("blk", S_IFBLK | 0600, (dev_t)0x801) == 0);
	CHECK(stat("blk", &st) == 0 && S_ISBLK(st.st_mode));
	CHECK(mkfifo("fifo", 0600) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		int fd = open("fifo", O_WRONLY);

		_exit(fd >= 0 && write(fd, "f", 1) == 1 ? 0 : 1);
	}
	int fd = open("fifo", O_RDONLY);
	CHECK(fd >= 0 && read(fd, &c, 1) == 1 && c == 'f');
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(mkdir("d", 0755) == 0);
	FAILS(EISDIR, open("d", O_RDWR));
	FAILS(ENOTDIR, open("fifo/x", O_RDONLY));
	FAILS(ENOTDIR, rmdir("fifo"));
	FAILS(EISDIR, unlink("d"));
	close(s);
	close(t);
}

/* ---- directories ---- */

#define ENTRIES 20000
#define STAYS(i) ((i) % 4 == 0)

static void entry_name(char out[32], int i)
{
	snprintf(out, 32, "%s%d", STAYS(i) ? "stays" : "goes", i);
}

/* One listing while others come and go: what was there all along is there
 * once, and nothing is there twice. */
static void list_once(void)
{
	static uint8_t seen[2][ENTRIES];
	DIR *d = opendir("big");
	struct dirent *e;

	CHECK(d != NULL);
	memset(seen, 0, sizeof(seen));
	while ((e = readdir(d)) != NULL) {
		int i;

		if (sscanf(e->d_name, "stays%d", &i) == 1)
			CHECK(i >= 0 && i < ENTRIES && seen[0][i]++ == 0);
		else if (sscanf(e->d_name, "goes%d", &i) == 1)
			CHECK(i >= 0 && i < ENTRIES && seen[1][i]++ == 0);
	}
	closedir(d);
	for (int i = 0; i < ENTRIES; i++)
		CHECK(!STAYS(i) || seen[0][i] == 1);
}

static void check_readdir(void)
{
	char name[32];
	pid_t pid;
	int dir;

	CHECK(mkdir("big", 0755) == 0);
	dir = open("big", O_RDONLY | O_DIRECTORY);
	CHECK(dir >= 0);
	for (int i = 0; i < ENTRIES; i++) {
		entry_name(name, i);
		CHECK(mknodat(dir, name, S_IFREG | 0600, 0) == 0);
	}
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		/* each name goes for good: a name that came back would be
		 * another entry, which may be listed too */
		for (int i = 1; i < ENTRIES; i++) {
			char to[32];

			entry_name(name, i);
			snprintf(to, sizeof(to), "new%d", i);
			if (STAYS(i))
				continue;
			if (i % 2 ? unlinkat(dir, name, 0)
				  : renameat(dir, name, dir, to))
				_exit(1);
		}
		_exit(0);
	}
	for (int n = 0; n < 10; n++)
		list_once();
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	list_once();
	close(dir);
}

/* ---- which one ---- */

static const struct {
	const char *name;
	void (*fn)(void);
} checks[] = {
	{"names", check_names},		{"paths", check_paths},
	{"symlinks", check_symlinks},	{"links", check_links},
	{"xattrs", check_xattrs},	{"kinds", check_kinds},
	{"readdir", check_readdir},	{"offsets", check_offsets},
	{"sparse", check_sparse},	{"direct", check_direct},
	{"mmap", check_mmap},		{"append", check_append},
	{"exclusive", check_exclusive}, {"locks", check_locks},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (argc == 2 && strcmp(argv[1], "list") == 0) {
			puts(checks[i].name);
		} else if (argc == 3 && strcmp(argv[1], checks[i].name) == 0) {
			CHECK(chdir(argv[2]) == 0);
			checks[i].fn();
			return 0;
		}
	}
	return argc == 2 ? 0 : 2;
}
