/* A daemon that commits records as they come, each exactly once, however often it is killed.
 *
 *   daemon [OPTION]... ROOT DATASET
 *
 * It is one thread around poll, and takes JSON lines from two kinds of input:
 *
 * Standard input, a file or a pipe. Its position is the number of bytes that are committed; a line counts
 * once it has its end. After a restart the daemon seeks to the position in a file. The program that feeds a
 * pipe makes a new one for each start, and begins at the byte that "start" names (below).
 *
 * Datagrams, with --socket. A datagram is a line "NAME NUMBER", followed by whole lines, one record each.
 * NAME is the sender's, of at most 40 letters, digits, '.', '_' and '-'; it numbers its datagrams 1, 2, 3 and
 * so on. A sender that has an address (is bound) is answered:
 *   committed N    Everything up to N is durable: forget it. Comes after a commit, and when N is sent again.
 *   expect N       There is a gap before this datagram: go on from N. Also the answer to number 0.
 *   refused 0      This is no such datagram; the reason is on the daemon's standard error.
 * An answer may be lost, and so may what the daemon had not committed when it was killed. So a sender keeps
 * what is not "committed", and sends it again, the same records under the same number, when the daemon was
 * away or does not answer.
 *
 * A snapshot is committed when it has enough records, enough bytes, or its oldest record waited long enough,
 * which is checked after each datagram and each piece of standard input. The commit carries a producer, a
 * sequence, and as position how far each input was taken, such as "-=81920 meter-7=1203", "-" being standard
 * input. Records and position are committed together or not at all, so a restart needs nothing else.
 *
 * Standard output is for programs, POSITION as above:
 *   start SEQUENCE POSITION                             what is committed, before the first input is read
 *   committed SNAPSHOT SEQUENCE RECORDS WHY POSITION    WHY is records, bytes, age, end (of input) or stop
 * Standard error is for people: bad records (left out; the snapshot's metadata count them as
 * "invalid_records"), a full disk (the inputs wait until there is space), commits in doubt (repeated; the
 * sequence makes them happen once).
 *
 * It never waits inside a call for input or to try a commit again, but in its poll. A program that may is
 * shorter, as ingest.c is: lode_record_writer_append_from_fd reads a descriptor to its end, and
 * lode_commit_options.attempts repeats a commit.
 *
 * SIGTERM or SIGINT: takes what has arrived, commits and ends, within --drain seconds. So does the end of
 * standard input without --socket. Exit status: 0 all is committed; 1 failed: what is not "committed" has to
 * come again; 2 wrong usage; 3 the last commit is in doubt. After 1 (see the message) and 3 start it again:
 * it finds its position.
 */
#define _POSIX_C_SOURCE 200809L

#include <lode.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char USAGE[] =
    "usage: daemon [OPTION]... ROOT DATASET\n"
    "\n"
    "Commits JSON lines from standard input and from datagrams to DATASET in the directory ROOT, exactly once.\n"
    "\n"
    "  --socket PATH      take datagrams on a UNIX socket at PATH, which is made\n"
    "  --producer NAME    whose commits these are (\"daemon\"); at most one daemon at a time under one name\n"
    "  --records N        a snapshot when there are N records (100000)\n"
    "  --bytes N          a snapshot when the records have N bytes (67108864)\n"
    "  --age SECONDS      a snapshot when the oldest record waited so long (10)\n"
    "  --drain SECONDS    how long a commit, or ending at SIGTERM, may take (5)\n";

/* A position has room for all senders: each takes at most 40 + 1 + 20 + 1 of its 4,096 bytes. */
enum { SENDERS = 64, NAME_LEN = 40, POSITION_LEN = 4096, METADATA_LEN = 64 };
/* The longest line is a record of 10 MiB. Standard input is read in pieces, so that a snapshot does not
 * become too large. */
enum { LINES_LEN = 11 << 20, PIECE = 1 << 16 };
/* Milliseconds before the second try, which double with each; and how many tries a failure gets that may be
 * permanent. */
enum { FIRST_PAUSE = 50, LAST_PAUSE = 2000, TRIES = 6, LONGEST_POLL = 3600000 };

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

/* GO_ON: done. WAIT: try again at `retry_at`, and read nothing until then. END: a retry cannot help. */
enum outcome { GO_ON, WAIT, END };

/* Where records come from: standard input, counted in bytes, or a sender, counted in datagrams. */
struct source {
    char name[NAME_LEN + 1];
    uint64_t taken;
    uint64_t committed;
    struct sockaddr_un address; /* a sender's, as of its last datagram */
    socklen_t address_len;
    int gap_told;
};

/* Lines that the writer has not taken yet. */
struct lines {
    uint8_t *buffer; /* of LINES_LEN, and one more for a line end */
    uint8_t *data;   /* in `buffer` */
    size_t len;
    uint64_t offset;    /* of `data`, in standard input or in the datagram */
    uint64_t discarded; /* more than 0: inside a line that is too long, so many bytes of which have gone already */
};

static uint8_t input_buffer[LINES_LEN + 1], datagram_buffer[LINES_LEN + 1];

static struct {
    const char *producer, *socket_path;
    int64_t max_records, max_bytes, age_ms, drain_ms;

    lode_dataset *dataset;
    lode_record_writer *writer; /* NULL until there is something to write */
    uint64_t sequence;          /* the last that is committed */
    uint64_t invalid;           /* records left out of this snapshot */
    int64_t first_at;           /* when its first input was taken; 0: nothing was */
    const char *why;            /* the reason of the commit that is due; NULL: none is */

    struct source sources[1 + SENDERS]; /* the first is standard input */
    size_t source_count;
    struct lines input, datagram;
    struct source *sender; /* of `datagram`; NULL: there is none */
    int input_ended, input_is_file, socket;

    int64_t retry_at, pause_ms, trouble_since;
    int64_t stop_by; /* SIGTERM came: end by then; 0: it did not */
    lode_status trouble;
    int tries;
} d = {.producer = "daemon", .max_records = 100000, .max_bytes = 64 << 20, .age_ms = 10000, .drain_ms = 5000,
       .sources = {{.name = "-"}}, .source_count = 1, .socket = -1,
       .input = {.buffer = input_buffer, .data = input_buffer}, .datagram = {.buffer = datagram_buffer}};

/* ---- Signals: a byte in a pipe wakes the poll, the token a commit that waits. ---- */

static volatile sig_atomic_t stopping;
static int signal_pipe[2];
static lode_cancel_token *cancel_token;

static void on_signal(int number)
{
    int saved = errno;
    stopping = number;
    lode_cancel_token_cancel(cancel_token);
    ssize_t written = write(signal_pipe[1], "", 1); /* full: the poll wakes anyway */
    (void)written;
    errno = saved;
}

static int catch_signals(void)
{
    if (pipe(signal_pipe) != 0 || fcntl(signal_pipe[0], F_SETFL, O_NONBLOCK) != 0 ||
        fcntl(signal_pipe[1], F_SETFL, O_NONBLOCK) != 0) {
        return -1;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN; /* the reader of standard output may end */
    sigaction(SIGPIPE, &action, NULL);
    return 0;
}

/* ---- Saying things ---- */

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#define say(...) (fputs("daemon: ", stderr), fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))

/* An answer to a sender. A queue that is full is no reason to wait: the sender asks again. Gives 0 if it is
 * on its way. */
static int answer(const struct sockaddr_un *address, socklen_t address_len, const char *word, uint64_t number)
{
    char text[64];
    int len = snprintf(text, sizeof text, "%s %" PRIu64 "\n", word, number);
    return address_len <= offsetof(struct sockaddr_un, sun_path) || /* it does not listen */
                   sendto(d.socket, text, (size_t)len, MSG_DONTWAIT, (const struct sockaddr *)address, address_len) < 0
               ? -1
               : 0;
}

/* Reports a failure once, and schedules the retry, if one may help. Frees the error. */
static enum outcome try_later(const char *what, lode_status status, lode_error *error)
{
    int32_t action = lode_error_action(error);
    int passes = status == LODE_ERR_NO_SPACE || status == LODE_ERR_BUSY || status == LODE_ERR_DEADLINE ||
                 status == LODE_ERR_CANCELLED;
    int hopeless = (action != LODE_ACTION_RETRY && action != LODE_ACTION_RESOLVE) || (!passes && ++d.tries >= TRIES);
    if (status != d.trouble && status != LODE_ERR_CANCELLED) {
        say("%s: %s (%s)%s", what, lode_error_message(error), lode_status_name(status),
            status == LODE_ERR_NO_SPACE         ? "; the disk is full: the inputs wait, nothing is lost"
            : status == LODE_ERR_COMMIT_UNKNOWN ? "; the commit is in doubt: it is repeated until it is resolved"
                                                : "");
    }
    lode_error_free(error);
    int64_t now = clock_ms();
    if (d.trouble == 0) {
        d.trouble_since = now;
    }
    d.trouble = status;
    d.pause_ms = d.pause_ms == 0 ? FIRST_PAUSE : d.pause_ms * 2 > LAST_PAUSE ? LAST_PAUSE : d.pause_ms * 2;
    d.retry_at = now + d.pause_ms;
    return hopeless ? END : WAIT;
}

static void trouble_is_over(void)
{
    if (d.trouble != 0 && d.trouble != LODE_ERR_CANCELLED) {
        say("going on after %.1f s", (double)(clock_ms() - d.trouble_since) / 1000);
    }
    d.trouble = d.tries = 0;
    d.pause_ms = d.retry_at = 0;
}

/* ---- Positions ---- */

/* Makes it if it is new; NULL: there are too many. */
static struct source *find_source(const char *name)
{
    size_t i = 0;
    while (i < d.source_count && strcmp(d.sources[i].name, name) != 0) {
        i++;
    }
    if (i == d.source_count && i < 1 + SENDERS) {
        strcpy(d.sources[d.source_count++].name, name);
    }
    return i < 1 + SENDERS ? &d.sources[i] : NULL;
}

static void write_position(char position[POSITION_LEN])
{
    size_t len = 0;
    for (size_t i = 0; i < d.source_count; i++) {
        len += (size_t)snprintf(position + len, POSITION_LEN - len, "%s%s=%" PRIu64, i == 0 ? "" : " ", d.sources[i].name,
                                d.sources[i].taken);
    }
}

static int read_position(const char *position)
{
    char name[NAME_LEN + 1];
    uint64_t number;
    for (int used = 0; *position != '\0'; position += used) {
        int read = sscanf(position, " %40[^= ]=%" SCNu64 "%n", name, &number, &used);
        struct source *source = read == 2 ? find_source(name) : NULL;
        if (source == NULL) {
            return -1;
        }
        source->taken = source->committed = number;
    }
    return 0;
}

/* ---- Writing ---- */

static enum outcome open_writer(void)
{
    lode_error *error = NULL;
    lode_status status =
        d.writer != NULL ? LODE_OK : lode_dataset_open_record_writer(d.dataset, NULL, &d.writer, &error);
    return status < 0 ? try_later("cannot begin a snapshot", status, error) : GO_ON;
}

static void take(struct lines *in, size_t count)
{
    in->data += count;
    in->len -= count;
    in->offset += count;
}

/* How many bytes the first line has, its end included; all if there is no end. */
static size_t line_len(const struct lines *in)
{
    const uint8_t *end = memchr(in->data, '\n', in->len);
    return end == NULL ? in->len : (size_t)(end - in->data) + 1;
}

/* A record is left out. */
static void report_invalid(const struct lines *in, const char *message, int64_t offset)
{
    char where[NAME_LEN + 64] = "standard input";
    if (in == &d.datagram) {
        snprintf(where, sizeof where, "datagram %" PRIu64 " of %s", d.sender->taken + 1, d.sender->name);
    }
    d.invalid++;
    say("%s, byte %" PRIu64 ": %s; left out, %" PRIu64 " in this snapshot", where,
        in->offset + (uint64_t)(offset > 0 ? offset : 0), message, d.invalid);
}

/* Gives the whole lines to the writer. Standard input may leave the beginning of one. */
static enum outcome append(struct lines *in)
{
    if (in->discarded > 0 && in->len > 0) {
        size_t len = line_len(in);
        in->discarded = in->data[len - 1] == '\n' ? 0 : in->discarded + len;
        take(in, len);
    }
    while (in->len > 0) {
        enum outcome opened = open_writer();
        if (opened != GO_ON) {
            return opened;
        }
        lode_error *error = NULL;
        size_t consumed = 0;
        lode_status status = lode_record_writer_append_lines(d.writer, in->data, in->len, &consumed, &error);
        take(in, consumed);
        if (status >= 0) {
            break;
        }
        if (status != LODE_ERR_INVALID_RECORD && status != LODE_ERR_RECORD_TOO_LARGE) {
            return try_later("cannot write", status, error);
        }
        report_invalid(in, lode_error_message(error), lode_error_offset(error));
        lode_error_free(error);
        take(in, line_len(in));
    }
    if (in->len == LINES_LEN) {
        report_invalid(in, "no line end within 11 MiB, and a record has at most 10 MiB", 0);
        in->discarded = in->len;
        take(in, in->len);
    }
    return GO_ON;
}

static enum outcome commit(void)
{
    char position[POSITION_LEN], metadata[METADATA_LEN];
    write_position(position);
    snprintf(metadata, sizeof metadata, "{\"invalid_records\":%" PRIu64 "}", d.invalid);
    lode_commit_options options;
    lode_commit_options_init(&options, sizeof options);
    options.producer_id = d.producer;
    options.sequence = d.sequence + 1;
    options.position = position;
    options.deadline_ms = d.drain_ms;
    options.cancel = cancel_token;
    if (d.stop_by != 0) {
        options.deadline_ms = d.stop_by - clock_ms();
        options.deadline_ms = options.deadline_ms == 0 ? -1 : options.deadline_ms;
        options.cancel = NULL; /* it has been cancelled, to come here soon */
    }
    lode_snapshot *snapshot = NULL;
    lode_error *error = NULL;
    lode_status status = lode_record_writer_commit(d.writer, metadata, &options, &snapshot, &error);
    if (status < 0) {
        return try_later("cannot commit", status, error); /* the writer keeps the records */
    }
    const char *there = position;
    if (status == LODE_ALREADY_COMMITTED &&
        lode_snapshot_find_producer(snapshot, d.producer, NULL, &there, NULL) != LODE_OK) {
        there = NULL;
    }
    if (there == NULL || strcmp(there, position) != 0) { /* the same position: the same records */
        say("sequence %" PRIu64 " of producer \"%s\" is committed by another daemon: let each have its own --producer",
            options.sequence, d.producer);
        lode_snapshot_free(snapshot);
        return END;
    }
    trouble_is_over();
    if (status == LODE_COMMITTED_UNPUBLISHED) {
        say("snapshot %s is committed, but not shown yet: the next commit publishes it", lode_snapshot_id(snapshot));
    } else if (status == LODE_COMMITTED_BESIDE_FOREIGN) {
        say("committed, but another program that ignores lode's commit slots writes to this dataset");
    }
    printf("committed %s %" PRIu64 " %" PRId64 " %s %s\n", lode_snapshot_id(snapshot), options.sequence,
           lode_record_writer_record_count(d.writer), d.why, position);
    fflush(stdout);
    lode_snapshot_free(snapshot);
    lode_record_writer_free(d.writer);
    d.writer = NULL;
    d.why = NULL;
    d.sequence++;
    d.invalid = 0;
    d.first_at = 0;
    for (size_t i = 0; i < d.source_count; i++) {
        struct source *source = &d.sources[i];
        if (source->committed != source->taken) {
            source->committed = source->taken;
            answer(&source->address, source->address_len, "committed", source->committed);
        }
    }
    return GO_ON;
}

/* Takes what has been read, and commits if a limit is reached: the work between two polls. */
static enum outcome work(int finishing)
{
    if (d.why == NULL) {
        enum outcome outcome = append(&d.input);
        uint64_t whole = d.input.offset - d.input.discarded; /* a restart must not begin inside a line */
        int taken = d.sources[0].taken != whole;
        d.sources[0].taken = whole;
        if (outcome == GO_ON && d.sender != NULL && (outcome = open_writer()) == GO_ON &&
            (outcome = append(&d.datagram)) == GO_ON) {
            d.sender->taken++; /* only whole datagrams are committed */
            d.sender = NULL;
            taken = 1;
        }
        int64_t now = clock_ms();
        if (taken && d.first_at == 0) {
            d.first_at = now;
        }
        if (outcome != GO_ON) {
            return outcome;
        }
        trouble_is_over();
        if (d.first_at == 0) {
            return GO_ON;
        }
        if (lode_record_writer_record_count(d.writer) >= d.max_records) {
            d.why = "records";
        } else if (lode_record_writer_byte_count(d.writer) >= d.max_bytes) {
            d.why = "bytes";
        } else if (now - d.first_at >= d.age_ms) {
            d.why = "age";
        } else if (finishing) {
            d.why = d.stop_by != 0 ? "stop" : "end";
        }
    }
    return d.why == NULL ? GO_ON : commit();
}

/* ---- Reading ---- */

/* Reads a piece of standard input behind what is there. */
static enum outcome read_input(void)
{
    struct lines *in = &d.input;
    memmove(in->buffer, in->data, in->len);
    in->data = in->buffer;
    size_t room = LINES_LEN - in->len;
    ssize_t got = read(STDIN_FILENO, in->buffer + in->len, room < PIECE ? room : PIECE);
    if (got < 0) {
        if (errno == EINTR || errno == EAGAIN) {
            return GO_ON;
        }
        say("cannot read standard input: %s", strerror(errno));
        return END;
    }
    in->len += (size_t)got;
    d.input_ended = got == 0;
    if (d.input_ended && (in->len > 0 || in->discarded > 0)) {
        say("standard input ends within a line: what there is of it, from byte %" PRIu64 " on, is left for the next start",
            d.sources[0].taken);
    }
    return GO_ON;
}

/* Receives a datagram, if it is the next one of its sender. */
static void receive_datagram(void)
{
    struct lines *in = &d.datagram;
    struct sockaddr_un address;
    struct iovec space = {.iov_base = in->buffer, .iov_len = LINES_LEN};
    struct msghdr message = {
        .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &space, .msg_iovlen = 1};
    ssize_t got = recvmsg(d.socket, &message, MSG_DONTWAIT);
    if (got < 0) {
        return; /* a signal came */
    }
    in->data = in->buffer;
    in->len = (size_t)got;
    in->offset = 0;
    in->data[in->len++] = '\n'; /* the last line may lack its end; a blank line is no record */

    char header[NAME_LEN + 24] = "", name[NAME_LEN + 1], digits[20];
    size_t header_len = line_len(in);
    int used = 0;
    memcpy(header, in->data, header_len < sizeof header ? header_len : sizeof header - 1);
    int parsed = sscanf(header, "%40[" NAME_LETTERS "]%*1[ ]%19[0123456789]%n", name, digits, &used);
    struct source *source = NULL;
    if (parsed == 2 && (size_t)used + 1 == header_len && strcmp(name, "-") != 0 && (message.msg_flags & MSG_TRUNC) == 0) {
        source = find_source(name);
    }
    if (source == NULL) {
        header[strcspn(header, "\n")] = '\0';
        say("refused a datagram of %zd bytes that begins with \"%s\": no line NAME NUMBER, or too many senders", got, header);
        answer(&address, message.msg_namelen, "refused", 0);
        return;
    }
    source->address = address;
    source->address_len = message.msg_namelen;
    uint64_t number = strtoull(digits, NULL, 10);
    if (number == 0) {
        answer(&address, message.msg_namelen, "expect", source->taken + 1);
    } else if (number <= source->taken) {
        answer(&address, message.msg_namelen, "committed", source->committed);
    } else if (number > source->taken + 1) {
        /* Once for all that follows the gap. */
        source->gap_told = source->gap_told || answer(&address, message.msg_namelen, "expect", source->taken + 1) == 0;
    } else {
        source->gap_told = 0;
        d.sender = source;
        take(in, header_len);
    }
}

/* ---- The loop ---- */

/* Ends when all is committed, or cannot be. Gives the exit status. */
static int run(void)
{
    for (int finishing = 0;;) {
        int64_t now = clock_ms();
        if (stopping && d.stop_by == 0) {
            d.stop_by = now + d.drain_ms;
            d.retry_at = 0;
        }
        enum outcome outcome = now < d.retry_at ? WAIT : work(finishing);
        now = clock_ms();
        int late = d.stop_by != 0 && now >= d.stop_by;
        if (outcome == GO_ON && d.first_at == 0 && (finishing || late)) {
            return 0;
        }
        if (outcome == END || late) {
            say("what came since the last commit%s: it has to come again, from where the next start says",
                d.trouble == LODE_ERR_COMMIT_UNKNOWN ? " is in doubt" : " is not committed");
            return d.trouble == LODE_ERR_COMMIT_UNKNOWN ? 3 : 1;
        }

        /* While the daemon waits it does not read: the inputs fill up, and their feeders wait, too. */
        int reading = outcome == GO_ON && !finishing;
        int reads_input = reading && !d.input_ended && !(d.stop_by != 0 && d.input_is_file);
        struct pollfd polled[] = {{.fd = signal_pipe[0], .events = POLLIN},
                                  {.fd = reads_input ? STDIN_FILENO : -1, .events = POLLIN},
                                  {.fd = reading ? d.socket : -1, .events = POLLIN}};
        int64_t wake = outcome == WAIT ? d.retry_at : d.first_at != 0 ? d.first_at + d.age_ms : now + LONGEST_POLL;
        if (d.stop_by != 0) {
            wake = reading ? now : wake < d.stop_by ? wake : d.stop_by;
        }
        wake = wake < now ? now : wake < now + LONGEST_POLL ? wake : now + LONGEST_POLL;
        int ready = poll(polled, 3, (int)(wake - now));
        if (ready < 0 && errno != EINTR) {
            say("cannot poll: %s", strerror(errno));
            return 1;
        }
        char byte;
        while (ready > 0 && polled[0].revents != 0 && read(signal_pipe[0], &byte, 1) > 0) {
        }
        if (ready > 0 && polled[1].revents != 0 && read_input() == END) {
            return 1;
        }
        if (ready > 0 && polled[2].revents != 0) {
            receive_datagram();
        }
        if (reading) {
            /* All inputs are at their end; or it is to stop, and nothing more has arrived or half of the time
             * is over. */
            finishing = (d.input_ended && d.socket < 0) ||
                        (d.stop_by != 0 && (ready == 0 || clock_ms() > d.stop_by - d.drain_ms / 2));
        }
    }
}

/* ---- Beginning ---- */

/* Finds out how far all inputs are committed. Gives 0, or -1 with an error or a message. */
static int find_position(lode_error **error)
{
    lode_snapshot *snapshot = NULL;
    const char *position = "";
    lode_status status = lode_dataset_find_producer(d.dataset, d.producer, NULL, &snapshot, error);
    if (status == LODE_OK) {
        status = lode_snapshot_find_producer(snapshot, d.producer, &d.sequence, &position, error);
    }
    int result = status < 0 ? -1 : read_position(position);
    if (status >= 0 && result != 0) {
        say("producer \"%s\" has the position \"%s\", which no daemon wrote: use another --producer", d.producer,
            position);
    }
    lode_snapshot_free(snapshot);
    return result;
}

/* Standard input goes on where it is committed: a file from there, a pipe because its feeder begins there. */
static int open_input(void)
{
    struct stat status;
    d.input.offset = d.sources[0].taken;
    d.input_is_file = fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode);
    if (d.input_is_file && (d.input.offset > (uint64_t)status.st_size ||
                            lseek(STDIN_FILENO, (off_t)d.input.offset, SEEK_SET) == (off_t)-1)) {
        say("standard input has %jd bytes, but %" PRIu64 " are committed: is it another file?", (intmax_t)status.st_size,
            d.input.offset);
        return -1;
    }
    return 0;
}

static int open_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    if (strlen(d.socket_path) >= sizeof address.sun_path) {
        say("the socket's path has more than %zu bytes: %s", sizeof address.sun_path - 1, d.socket_path);
        return -1;
    }
    strcpy(address.sun_path, d.socket_path);
    d.socket = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (d.socket >= 0 && lstat(d.socket_path, &status) == 0 && S_ISSOCK(status.st_mode)) {
        if (connect(d.socket, (struct sockaddr *)&address, sizeof address) == 0) {
            say("another process listens on %s", d.socket_path);
            return -1;
        }
        if (errno == ECONNREFUSED) {
            unlink(d.socket_path); /* one that was killed left it */
        }
    }
    if (d.socket < 0 || bind(d.socket, (struct sockaddr *)&address, sizeof address) != 0) {
        say("cannot listen on %s: %s", d.socket_path, strerror(errno));
        return -1;
    }
    return 0;
}

static int serve(const char *root, const char *dataset_id)
{
    lode_error *error = NULL;
    lode_store *store = NULL;
    lode_dataset_options options;
    lode_dataset_options_init(&options, sizeof options);
    options.codec = LODE_CODEC_JSONL;
    int begun = lode_store_open_filesystem(root, NULL, &store, &error) >= 0 &&
                lode_dataset_open(store, dataset_id, &options, &d.dataset, &error) >= 0 &&
                lode_cancel_token_new(&cancel_token, &error) >= 0 && find_position(&error) == 0;
    lode_store_free(store); /* the dataset keeps its own hold of it */
    int result = 1;
    if (error != NULL) {
        say("cannot begin: %s (%s)", lode_error_message(error), lode_status_name(lode_error_status(error)));
        lode_error_free(error);
    } else if (!begun) {
        /* The message has been printed. */
    } else if (catch_signals() != 0) {
        say("cannot catch signals: %s", strerror(errno));
    } else if (open_input() == 0 && (d.socket_path == NULL || open_socket() == 0)) {
        char position[POSITION_LEN];
        write_position(position);
        printf("start %" PRIu64 " %s\n", d.sequence, position);
        fflush(stdout);
        result = run();
        if (d.socket >= 0) {
            unlink(d.socket_path);
        }
    }
    lode_record_writer_free(d.writer); /* what is not committed has to come again */
    lode_dataset_free(d.dataset);
    return result; /* the token stays: a signal may still come */
}

/* ---- The command line ---- */

/* A number above 0, in units of `unit`. */
static int number(const char *text, double unit, int64_t *value)
{
    char *end = NULL;
    double given = strtod(text, &end) * unit;
    if (end == text || *end != '\0' || !(given >= 1 && given <= 1e15)) {
        say("\"%s\" is no number that this option takes", text);
        return -1;
    }
    *value = (int64_t)given;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"socket", required_argument, NULL, 's'}, {"producer", required_argument, NULL, 'p'},
        {"records", required_argument, NULL, 'r'}, {"bytes", required_argument, NULL, 'b'},
        {"age", required_argument, NULL, 'a'},    {"drain", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    int option, bad = 0;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        switch (option) {
        case 's': d.socket_path = optarg; break;
        case 'p': d.producer = optarg; break;
        case 'r': bad |= number(optarg, 1, &d.max_records); break;
        case 'b': bad |= number(optarg, 1, &d.max_bytes); break;
        case 'a': bad |= number(optarg, 1000, &d.age_ms); break;
        case 'd': bad |= number(optarg, 1000, &d.drain_ms); break;
        case 'h': return fputs(USAGE, stdout) < 0 || fflush(stdout) != 0;
        default: bad = -1;
        }
    }
    if (bad != 0 || argc - optind != 2) {
        fputs(USAGE, stderr);
        return 2;
    }
    if (fcntl(STDIN_FILENO, F_GETFD) < 0) {
        say("standard input is closed: give it /dev/null if there is none");
        return 1;
    }
    return serve(argv[optind], argv[optind + 1]);
}
