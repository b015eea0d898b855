// SPDX-License-Identifier: GPL-2.0-only
#include "fault_text.h"
#include "suite.h"

#include <string.h>
#include <unistd.h>

#define PREFIX "mptcp-mail-attach: "

static int real_stderr = -1;
static FILE *kept;

void stderr_begin(void)
{
	kept = tmpfile();
	assert_non_null(kept);
	fflush(stderr);
	real_stderr = dup(STDERR_FILENO);
	assert_true(real_stderr >= 0);
	dup2(fileno(kept), STDERR_FILENO);
}

void stderr_end(char *ret_text, size_t size)
{
	size_t len;

	fflush(stderr);
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	rewind(kept);
	len = fread(ret_text, 1, size - 1, kept);
	ret_text[len] = '\0';
	fclose(kept);
}

enum mma_exit fault_read(int err, char *ret_text, size_t size)
{
	enum mma_exit code;
	size_t len;

	stderr_begin();
	code = report_fault(err);
	stderr_end(ret_text, size);
	fault_drop();
	len = strlen(ret_text);
	assert_memory_equal(ret_text, PREFIX, strlen(PREFIX));
	assert_true(len && ret_text[len - 1] == '\n');
	ret_text[len - 1] = '\0';
	memmove(ret_text, ret_text + strlen(PREFIX), len - strlen(PREFIX));
	return code;
}
