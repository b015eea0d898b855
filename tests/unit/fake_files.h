/* SPDX-License-Identifier: GPL-2.0-only */
/* A file system of the test's own, by the linker's --wrap of fopen, stat and
 * name_to_handle_at: what the loader reads by a fixed name (/proc/self/…,
 * /etc/services), and cgroups that this machine does not have. */
#ifndef MMA_FAKE_FILES_H
#define MMA_FAKE_FILES_H

/* The file has this content; NULL: it is not there. Names that nobody faked
 * are the real ones. */
void fake_file(const char *name, const char *content);

/* A directory with this inode, for cgroup_id() the id, too; 0: something that
 * is no directory. */
void fake_dir(const char *name, unsigned long inode);

void fake_files_forget(void);

/* A test for the end of a suite: every faked file that was opened was closed. The
 * leak checker does not see it, as stdio itself holds every FILE. */
void no_file_is_open(void **state);

#endif
