// SPDX-License-Identifier: GPL-2.0-only
#include "host/mounts.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MOUNTINFO "/proc/self/mountinfo"

/* proc(5): white space and backslashes in names are written as \ooo. */
static void unescape(const char *text, char *ret_text, size_t size)
{
	size_t used = 0;

	for (; *text && used + 1 < size; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
		    text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			ret_text[used++] = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
						  (text[3] - '0'));
			text += 3;
		} else {
			ret_text[used++] = *text;
		}
	}
	ret_text[used] = '\0';
}

/* "36 35 98:0 /root /point options [optional]… - type source options" */
static bool parse_mount(char *line, struct mount *ret)
{
	char *separator = strstr(line, " - "), *save = NULL, *word = NULL;

	if (!separator)
		return false;
	*separator = '\0';
	word = strtok_r(line, " ", &save);
	for (int field = 0; word && field < 2; field++)
		word = strtok_r(NULL, " ", &save);
	if (!word)
		return false;
	snprintf(ret->device, sizeof(ret->device), "%s", word);
	word = strtok_r(NULL, " ", &save);
	if (!word)
		return false;
	unescape(word, ret->root, sizeof(ret->root));
	word = strtok_r(NULL, " ", &save);
	if (!word)
		return false;
	unescape(word, ret->point, sizeof(ret->point));
	if (!strcmp(ret->point, "/"))
		ret->point[0] = '\0';
	word = strtok_r(separator + 3, " ", &save);
	if (!word)
		return false;
	snprintf(ret->type, sizeof(ret->type), "%s", word);
	return true;
}

static bool contains(const struct mount *mount, const char *path)
{
	size_t len = strlen(mount->point);

	return !strncmp(path, mount->point, len) && (path[len] == '/' || path[len] == '\0');
}

typedef bool wanted_fn(const struct mount *mount, const void *what);

/* The last of the wanted mounts with the longest mount point; with first, the first wanted
 * mount. */
static int find_mount(wanted_fn *wanted, const void *what, bool first, struct mount *ret,
		      bool *ret_found)
{
	FILE *file = fopen(MOUNTINFO, "re");
	struct mount mount;
	char *line = NULL;
	size_t size = 0;

	*ret_found = false;
	if (!file)
		return fault(errno, MOUNTINFO ": cannot be read (%s); mount proc", strerror(errno));
	while (getline(&line, &size, file) > 0) {
		if (!parse_mount(line, &mount) || !wanted(&mount, what))
			continue;
		if (!*ret_found || strlen(mount.point) >= strlen(ret->point))
			*ret = mount;
		*ret_found = true;
		if (first)
			break;
	}
	free(line);
	fclose(file);
	return 0;
}

static bool on_path(const struct mount *mount, const void *path)
{
	return contains(mount, path);
}

int mount_of_path(const char *path, struct mount *ret, bool *ret_found)
{
	return find_mount(on_path, path, false, ret, ret_found);
}

static bool has_type(const struct mount *mount, const void *type)
{
	return !strcmp(mount->type, type);
}

int mount_of_type(const char *type, struct mount *ret, bool *ret_found)
{
	return find_mount(has_type, type, true, ret, ret_found);
}

/* The mount in question: the first at this point and of this type. `device` is set once it was
 * seen. */
struct layers {
	const char *point, *type;
	char device[sizeof(((struct mount *)0)->device)];
};

/* mountinfo lists mounts in mount order: a later mount at the same place, or above it, hides
 * the earlier one, unless it is the same file system again. */
static bool hides(const struct mount *mount, const void *what)
{
	struct layers *layers = (struct layers *)what;
	bool is_there = !strcmp(mount->point, layers->point) && !strcmp(mount->type, layers->type);

	if (!layers->device[0]) {
		if (is_there)
			memcpy(layers->device, mount->device, sizeof(layers->device));
		return false;
	}
	return contains(mount, layers->point) &&
	       !(is_there && !strcmp(mount->device, layers->device));
}

int mount_over(const char *point, const char *type, struct mount *ret, bool *ret_found)
{
	struct layers layers = { .point = point, .type = type };

	return find_mount(hides, &layers, true, ret, ret_found);
}

#define HOSTS_NAMESPACE "/proc/1/ns/mnt"

bool mounts_of_host_are_known(void)
{
	struct stat host;

	return !stat(HOSTS_NAMESPACE, &host);
}

static bool is_same(const char *name, const char *other)
{
	struct stat a, b;

	return !stat(name, &a) && !stat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool namespace_is_hosts(void)
{
	return is_same("/proc/self/ns/mnt", HOSTS_NAMESPACE);
}

bool mounts_are_hosts(void)
{
	return namespace_is_hosts() && is_same("/proc/self/root/", "/proc/1/root/");
}

const char *mounts_place(void)
{
	return namespace_is_hosts() ? "below this root directory" : "in this mount namespace";
}
