// SPDX-License-Identifier: GPL-2.0-only
#include "connections/screen.h"
#include "report.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* Sequences that xterm, the Linux console, screen and tmux know. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define REST_OF_LINE "\033[K"
#define REST_OF_SCREEN "\033[J"

static struct {
	int signals; /* fd; 0: none, because fd 0 is taken */
	bool in_place, entered;
	bool changed; /* we changed the terminal's settings */
	bool keys; /* keys may come */
	struct termios before;
} screen;

static void write_to_screen(const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(STDOUT_FILENO, text, size);

		if (n < 0 && errno != EINTR)
			return; /* the terminal is gone; a signal reports that */
		text += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
}

static void enter_screen(void)
{
	struct termios keys;

	if (!screen.in_place || screen.entered)
		return;
	screen.changed = !tcgetattr(STDIN_FILENO, &screen.before);
	screen.keys = screen.changed;
	if (screen.changed) {
		keys = screen.before;
		keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &keys);
	}
	write_to_screen(ENTER, strlen(ENTER));
	screen.entered = true;
}

static void leave(void)
{
	if (!screen.entered)
		return;
	write_to_screen(LEAVE, strlen(LEAVE));
	if (screen.changed)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &screen.before);
	screen.entered = false;
}

/* An ignored signal (nohup, a background job) must stay ignored; if blocked, it would show up
 * in the signalfd. */
static bool stays_ignored(int signal)
{
	struct sigaction action;

	return !sigaction(signal, NULL, &action) && action.sa_handler == SIG_IGN;
}

int screen_begin(bool in_place)
{
	static const int awaited[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };
	size_t n = sizeof(awaited) / sizeof(awaited[0]);
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < (in_place ? n : n - 2); i++)
		if (!stays_ignored(awaited[i]))
			sigaddset(&set, awaited[i]);
	screen.signals = -1;
	if (!sigprocmask(SIG_BLOCK, &set, NULL))
		screen.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (screen.signals < 0)
		return fault(errno, "--watch: cannot wait for signals (%s)", strerror(errno));
	screen.in_place = in_place;
	enter_screen();
	return 0;
}

static struct winsize window(void)
{
	struct winsize ret;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ret) || !ret.ws_row || !ret.ws_col)
		ret = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	return ret;
}

/* The bytes of a line that fill this many columns; UTF-8 continuation bytes take none. */
static size_t cut(const char *line, size_t len, size_t columns)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		used += ((unsigned char)line[i] & 0xc0) != 0x80;
		if (used > columns)
			return i;
	}
	return len;
}

static size_t count_lines(const char *text, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++)
		n += text[i] == '\n';
	return n;
}

void screen_draw(const char *text, size_t size)
{
	struct winsize is = window();
	size_t lines = count_lines(text, size), room = is.ws_row, shown;
	const char *end = text + size;
	char *drawn = NULL;
	size_t drawn_size = 0;
	FILE *out = open_memstream(&drawn, &drawn_size);

	if (!out)
		return; /* perhaps the next time */
	shown = lines > room ? room - 1 : lines;
	fputs(HOME, out);
	for (size_t i = 0; i < shown; i++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)(newline - text);

		fwrite(text, 1, cut(text, len, is.ws_col), out);
		fputs(i + 1 < room ? REST_OF_LINE "\r\n" : REST_OF_LINE, out);
		text = newline + 1;
	}
	if (shown < lines)
		fprintf(out, "%zu more lines: a larger window, or --cgroup" REST_OF_LINE,
			lines - shown);
	fputs(REST_OF_SCREEN, out);
	if (!fclose(out))
		write_to_screen(drawn, drawn_size);
	free(drawn);
}

static long long clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ^Z: the shell gets its terminal back; fg gives us ours. */
static void pause_here(void)
{
	leave();
	raise(SIGSTOP);
	enter_screen();
}

static enum screen_woken take_signals(void)
{
	enum screen_woken ret = SCREEN_TIME;
	struct signalfd_siginfo info;

	while (read(screen.signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGTSTP)
			pause_here();
		else if (info.ssi_signo != SIGWINCH)
			ret = SCREEN_END;
	}
	return ret;
}

/* Ignores all other keys. End of input is no key. */
static bool key_ends(void)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n <= 0)
		screen.keys = false;
	return n > 0 && (memchr(keys, 'q', (size_t)n) || memchr(keys, 'Q', (size_t)n));
}

int screen_wait(unsigned int seconds, enum screen_woken *ret)
{
	struct pollfd fds[] = {
		{ .fd = screen.signals, .events = POLLIN },
		{ .fd = screen.entered && screen.keys ? STDIN_FILENO : -1, .events = POLLIN },
	};
	long long end = clock_ms() + 1000LL * seconds, left;

	*ret = SCREEN_TIME;
	while ((left = end - clock_ms()) > 0) {
		int n = poll(fds, sizeof(fds) / sizeof(fds[0]), (int)left);

		if (n < 0 && errno != EINTR)
			return fault(errno, "--watch: cannot wait (%s)", strerror(errno));
		if (n > 0 && fds[0].revents) {
			*ret = take_signals();
			return 0;
		}
		if (n > 0 && fds[1].revents) {
			if (key_ends()) {
				*ret = SCREEN_END;
				return 0;
			}
			if (!screen.keys)
				fds[1].fd = -1;
		}
	}
	return 0;
}

void screen_end(void)
{
	leave();
	if (screen.signals > 0)
		close(screen.signals);
	screen.signals = 0;
}
