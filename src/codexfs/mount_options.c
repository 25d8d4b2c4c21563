/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "codexfs/mount_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codexfs/cli.h"

/* Is fusermount3 on the path?  libfuse finds it the same way. */
static bool have_fusermount(void)
{
	static const char *const places[] = {"/usr/bin/fusermount3",
					     "/bin/fusermount3",
					     "/usr/local/bin/fusermount3"};

	for (size_t i = 0; i < CDX_ARRAY_LEN(places); i++)
		if (access(places[i], X_OK) == 0)
			return true;
	return false;
}

void mount_options_init(struct mount_options *o)
{
	memset(o, 0, sizeof(*o));
	o->allow_other = geteuid() == 0;
	o->auto_unmount = have_fusermount();
	o->writeback = true;
}

void mount_options_free(struct mount_options *o)
{
	free(o->key_file);
	free(o->password_file);
	free(o->conf_file);
	cdx_buf_free(&o->kernel);
}

/* Switches: name, which member, the value it gets */
struct flag {
	const char *name;
	size_t member;
	bool value;
};
#define FLAG(name, member, value)                                   \
	{                                                           \
		name, offsetof(struct mount_options, member), value \
	}

static const struct flag flags[] = {
	FLAG("ro", readonly, true),
	FLAG("rw", readonly, false),
	FLAG("remount", remount, true),
	FLAG("noatime", noatime, true),
	FLAG("atime", noatime, false),
	FLAG("relatime", noatime, false),
	FLAG("allow_other", allow_other, true),
	FLAG("noallow_other", allow_other, false),
	FLAG("auto_unmount", auto_unmount, true),
	FLAG("no_auto_unmount", auto_unmount, false),
	FLAG("writeback", writeback, true),
	FLAG("no_writeback", writeback, false),
	FLAG("sync_write", sync_write, true),
	FLAG("clone_fd", clone_fd, true),
	FLAG("no_clone_fd", clone_fd, false),
};

/* Handed on to the mount as they are */
static const char *const kernel_options[] = {
	"dev", "nodev", "suid", "nosuid", "exec", "noexec", "sync", "dirsync",
};

/* For mount(8), or already so: nothing to do */
static const char *const swallowed[] = {
	"user",
	"users",
	"nouser",
	"auto",
	"noauto",
	"nofail",
	"_netdev",
	"defaults",
	"owner",
	"group",
	"default_permissions",
	"async",
	"nosync",
	"strictatime",
	"lazytime",
	"nolazytime",
	"silent",
	"loud",
	"diratime",
	"nodiratime",
};

static bool in_list(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

static int set_text(char **out, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0') {
		cli_error("-o %s needs a value", name);
		return -EINVAL;
	}
	free(*out);
	*out = strdup(value);
	return *out == NULL ? -ENOMEM : 0;
}

static int set_number(uint64_t *out, const char *name, const char *value,
		      uint64_t min, uint64_t max)
{
	if (value == NULL || cli_number(out, value, min, max) < 0) {
		cli_error("-o %s takes a number from %llu to %llu", name,
			  (unsigned long long)min, (unsigned long long)max);
		return -EINVAL;
	}
	return 0;
}

/* Options with a value; 1: not one of them */
static int with_value(struct mount_options *o, const char *name,
		      const char *value)
{
	uint64_t v = 0;
	int rc;

	if (strcmp(name, "key") == 0)
		return set_text(&o->key_file, name, value);
	if (strcmp(name, "password_file") == 0)
		return set_text(&o->password_file, name, value);
	if (strcmp(name, "config") == 0)
		return set_text(&o->conf_file, name, value);
	if (strcmp(name, "uid") == 0) {
		rc = set_number(&v, name, value, 0, UINT32_MAX - 1);
		o->uid = (uid_t)v;
		o->force_uid = true;
		return rc;
	}
	if (strcmp(name, "gid") == 0) {
		rc = set_number(&v, name, value, 0, UINT32_MAX - 1);
		o->gid = (gid_t)v;
		o->force_gid = true;
		return rc;
	}
	if (strcmp(name, "commit") == 0) {
		rc = set_number(&v, name, value, 1, 300);
		o->commit_s = (unsigned)v;
		return rc;
	}
	if (strcmp(name, "seal_age") == 0) {
		rc = set_number(&v, name, value, 1, 604800);
		o->seal_age_s = (unsigned)v;
		return rc;
	}
	if (strcmp(name, "threads") == 0) {
		rc = set_number(&v, name, value, 1, 256);
		o->threads = (unsigned)v;
		return rc;
	}
	return 1;
}

static int set_flag(struct mount_options *o, const char *name)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(flags); i++) {
		if (strcmp(flags[i].name, name) == 0) {
			*(bool *)(void *)((char *)o + flags[i].member) =
				flags[i].value;
			return 0;
		}
	}
	return 1;
}

static int one_option(struct mount_options *o, char *name)
{
	char *value = strchr(name, '=');
	int rc;

	if (name[0] == '\0' || strncmp(name, "x-", 2) == 0 ||
	    strncmp(name, "comment=", 8) == 0)
		return 0;
	if (value != NULL)
		*value++ = '\0';
	rc = with_value(o, name, value);
	if (rc <= 0)
		return rc;
	if (value != NULL) {
		/* what fuse3's own helper may add */
		if (strcmp(name, "fsname") == 0 || strcmp(name, "subtype") == 0)
			return 0;
		/* what /proc/mounts shows comes back with a remount */
		if (strcmp(name, "user_id") == 0 ||
		    strcmp(name, "group_id") == 0)
			return 0;
	} else if (set_flag(o, name) == 0 ||
		   in_list(swallowed, CDX_ARRAY_LEN(swallowed), name)) {
		return 0;
	} else if (in_list(kernel_options, CDX_ARRAY_LEN(kernel_options),
			   name)) {
		if (o->kernel.len > 0)
			cdx_buf_u8(&o->kernel, ',');
		cdx_buf_put(&o->kernel, name, strlen(name));
		return cdx_buf_ok(&o->kernel);
	}
	if (strcmp(name, "password") == 0 || strcmp(name, "words") == 0)
		cli_error("-o never takes secrets: others can read it; use "
			  "-o password_file=FILE");
	else
		cli_error("unknown mount option: %s (see codexfs mount "
			  "--help)",
			  name);
	return -EINVAL;
}

int mount_options_parse(struct mount_options *o, const char *list)
{
	char *copy = strdup(list);
	char *save = NULL;
	int rc = copy == NULL ? -ENOMEM : 0;

	for (char *name = copy == NULL ? NULL : strtok_r(copy, ",", &save);
	     name != NULL && rc == 0; name = strtok_r(NULL, ",", &save))
		rc = one_option(o, name);
	free(copy);
	return rc;
}
