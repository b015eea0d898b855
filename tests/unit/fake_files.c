// SPDX-License-Identifier: GPL-2.0-only
#include "fake_files.h"
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FAKES 32

static struct fake {
	const char *name, *content;
	unsigned long inode;
	bool is_stat;
} fakes[MAX_FAKES];
static size_t n_fakes;
static FILE *open_files[MAX_FAKES];

FILE *__real_fopen(const char *name, const char *mode);
FILE *__wrap_fopen(const char *name, const char *mode);
int __real_fclose(FILE *file);
int __wrap_fclose(FILE *file);
int __real_stat(const char *name, struct stat *ret);
int __wrap_stat(const char *name, struct stat *ret);
int __real_name_to_handle_at(int dir, const char *name, struct file_handle *handle, int *mount_id,
			     int flags);
int __wrap_name_to_handle_at(int dir, const char *name, struct file_handle *handle, int *mount_id,
			     int flags);

static struct fake *find(const char *name, bool is_stat)
{
	for (size_t i = 0; i < n_fakes; i++)
		if (fakes[i].is_stat == is_stat && !strcmp(fakes[i].name, name))
			return &fakes[i];
	return NULL;
}

static struct fake *add(const char *name, bool is_stat)
{
	struct fake *fake = find(name, is_stat);

	if (!fake) {
		assert_true(n_fakes < MAX_FAKES);
		fake = &fakes[n_fakes++];
	}
	*fake = (struct fake){ .name = name, .is_stat = is_stat };
	return fake;
}

void fake_file(const char *name, const char *content)
{
	add(name, false)->content = content;
}

void fake_dir(const char *name, unsigned long inode)
{
	add(name, true)->inode = inode;
}

void fake_files_forget(void)
{
	n_fakes = 0;
}

static FILE *opened(FILE *file)
{
	for (size_t i = 0; i < MAX_FAKES; i++) {
		if (!open_files[i]) {
			open_files[i] = file;
			return file;
		}
	}
	fail_because("%d files are open at once", MAX_FAKES);
	return NULL;
}

FILE *__wrap_fopen(const char *name, const char *mode)
{
	const struct fake *fake = find(name, false);
	FILE *file;

	if (!fake)
		return __real_fopen(name, mode);
	if (!fake->content) {
		errno = ENOENT;
		return NULL;
	}
	file = tmpfile();
	assert_non_null(file);
	fputs(fake->content, file);
	rewind(file);
	return opened(file);
}

int __wrap_fclose(FILE *file)
{
	for (size_t i = 0; i < MAX_FAKES; i++)
		if (open_files[i] == file)
			open_files[i] = NULL;
	return __real_fclose(file);
}

void no_file_is_open(void **state)
{
	(void)state;
	for (size_t i = 0; i < MAX_FAKES; i++)
		assert_null(open_files[i]);
}

int __wrap_stat(const char *name, struct stat *ret)
{
	const struct fake *fake = find(name, true);

	if (!fake)
		return __real_stat(name, ret);
	memset(ret, 0, sizeof(*ret));
	ret->st_mode = fake->inode ? S_IFDIR | 0755 : S_IFREG | 0644;
	ret->st_ino = fake->inode;
	return 0;
}

int __wrap_name_to_handle_at(int dir, const char *name, struct file_handle *handle, int *mount_id,
			     int flags)
{
	const struct fake *fake = find(name, true);
	uint64_t id;

	if (!fake)
		return __real_name_to_handle_at(dir, name, handle, mount_id, flags);
	id = fake->inode;
	assert_int_equal(handle->handle_bytes, sizeof(id));
	memcpy(handle->f_handle, &id, sizeof(id));
	return 0;
}
