/* SPDX-License-Identifier: GPL-2.0-only */
/* A fake file system for a test, through the linker's --wrap of fopen, stat and
 * name_to_handle_at: files that the loader reads by a fixed name (/proc/self/…,
 * /etc/services), and cgroups that this machine does not have. */
#ifndef MMA_FAKE_FILES_H
#define MMA_FAKE_FILES_H

/* Gives the file this content; NULL: it does not exist. Other names refer to the real files. */
void fake_file(const char *name, const char *content);

/* A directory with this inode, which is also its id for cgroup_id(). 0: not a directory. */
void fake_dir(const char *name, unsigned long inode);

void fake_files_forget(void);

/* A test for the end of a suite: every faked file that was opened was closed. The leak
 * checker cannot see that, because stdio itself keeps a pointer to every FILE. */
void no_file_is_open(void **state);

#endif
