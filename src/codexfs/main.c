/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "codexfs/cli.h"

static const struct cli_verb verbs[] = {
	{"init", "make a store", verb_init},
#ifdef ENABLE_FS
	{"mount", "mount a store's volume", verb_mount},
#endif
	{"umount", "unmount and wait until everything is on disk", verb_umount},
	{"node", "be a node without a mount: find, keep and serve datasets",
	 verb_node},
	{"peers", "list the peers that a node or mount knows", verb_peers},
	{"status", "show a store or a mount", verb_status},
	{"sync", "make what was written durable, sealed or protected",
	 verb_sync},
	{"fsck", "check a store", verb_fsck},
	{"compact", "copy live data out of segments that are mostly dead",
	 verb_compact},
	{"dataset", "add, get, protect, verify, rebuild datasets and more",
	 verb_dataset},
	{"proof", "keys, witnesses and proofs of retrievability in files",
	 verb_proof},
	{"chain", "the chain: what it says, accounts, tokens, contracts",
	 verb_chain},
	{"market", "our part in the market: money, proofs, roles", verb_market},
	{"availability", "offer space to others, or change what is offered",
	 verb_availability},
	{"sales", "list the slots that are being sold", verb_sales},
	{"slots", "list the slots that are hosted", verb_slots},
	{"request", "pay others to store a dataset", verb_request},
	{"purchases", "list the storage that was bought", verb_purchases},
	{"policy", "show or change how new segments are protected",
	 verb_policy},
	{"config", "check the configuration and show it", verb_config},
	{"key", "restore a key file from its words, set its password",
	 verb_key},
};

static void usage(FILE *to)
{
	fputs("Usage: codexfs VERB [options] [arguments]\n\nVerbs:\n", to);
	for (size_t i = 0; i < CDX_ARRAY_LEN(verbs); i++)
		fprintf(to, "  %-12s  %s\n", verbs[i].name, verbs[i].summary);
	fputs("\n`codexfs VERB --help` tells more; so does codexfs(1).\n"
	      "For fstab: codexfs STORE MNT -o OPTIONS\n",
	      to);
}

#ifdef ENABLE_FS
static const char *program_name(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');

	return slash == NULL ? argv0 : slash + 1;
}
#endif

/* Keys are in memory: no core file shall have them, not even one that a program
 * of core_pattern takes, which no limit of size stops; nor shall processes of
 * the same user read them. */
static void keep_memory_private(void)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int main(int argc, char **argv)
{
	keep_memory_private();
	/* a client that goes away is an error of write, not our end */
	signal(SIGPIPE, SIG_IGN);
#ifdef ENABLE_FS
	if (argc > 0 && strncmp(program_name(argv[0]), "mount.", 6) == 0)
		return mount_helper(argc, argv);
#endif
	if (argc < 2) {
		usage(stderr);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("codexfs " PACKAGE_VERSION);
		return 0;
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].main(argc - 1, argv + 1);
#ifdef ENABLE_FS
	/* fuse3's mount.fuse runs `codexfs SRC MNT -o ...` */
	if (argc >= 3 && argv[1][0] != '-' && argv[2][0] != '-')
		return mount_helper(argc, argv);
#endif
	cli_error("unknown verb: %s", argv[1]);
	usage(stderr);
	return CLI_USAGE;
}
