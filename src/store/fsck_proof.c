/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/fsck_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/io.h"
#include "store/proof_pin.h"

/* Proving keys that are pinned: is the file there, and is it still the one? */

/* The hash of a whole file, which is mapped for it; -errno */
static int hash_file(struct cdx_digest *out, int fd, uint64_t bytes)
{
	void *p;

	if (bytes == 0 || bytes > SIZE_MAX)
		return -EINVAL;
	p = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	cdx_sha256(out, p, (size_t)bytes);
	(void)munmap(p, (size_t)bytes);
	return 0;
}

static int check_key(struct cdx_fsck_run *r, const struct cdx_proof_pin *pin)
{
	char path[sizeof(CDX_PROOF_PIN_FOLDER) + CDX_PROOF_PIN_NAME_MAX];
	char name[CDX_PROOF_PIN_NAME_MAX];
	struct cdx_digest sha256;
	struct stat st;
	int rc = 0;
	int fd;

	cdx_proof_pin_name(name, &pin->sha256);
	snprintf(path, sizeof(path), CDX_PROOF_PIN_FOLDER "/%s", name);
	fd = openat(cdx_store_dirfd(r->s), path,
		    O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		cdx_fsck_say(r, "proof-key-missing",
			     "%s, for %u samples; import it again", path,
			     pin->samples);
	} else {
		if ((uint64_t)st.st_size == pin->bytes)
			rc = hash_file(&sha256, fd, pin->bytes);
		if (rc == 0 &&
		    ((uint64_t)st.st_size != pin->bytes ||
		     memcmp(&sha256, &pin->sha256, sizeof(sha256)) != 0))
			cdx_fsck_say(r, "proof-key-changed",
				     "%s, for %u samples; import it again",
				     path, pin->samples);
	}
	cdx_closep(&fd);
	return rc;
}

int cdx_fsck_proof_keys(struct cdx_fsck_run *r)
{
	struct cdx_proof_pin pin = {.samples = 0};
	int rc;

	for (;;) {
		rc = cdx_proof_pin_next(r->s, pin.samples, &pin);
		if (rc == CDX_E_CORRUPT) {
			cdx_fsck_say(r, "proof-key-record-bad",
				     "after that of %u samples", pin.samples);
			return 0;
		}
		if (rc <= 0)
			return rc;
		rc = check_key(r, &pin);
		if (rc < 0)
			return rc;
	}
}
