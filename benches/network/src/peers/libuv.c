/* An echo server on libuv, as cheap as it can be had: one buffer for all connections, and a queued write only for what the
 * socket would not take at once. */

#include <stdlib.h>
#include <string.h>
#include <uv.h>

static char shared[64 * 1024];

/* A write that has to wait, and the bytes that it waits with. */
struct waiting {
    uv_write_t request;
    char bytes[];
};

static void check(int result) {
    if (result < 0) abort();
}

static void lend(uv_handle_t *line, size_t suggested, uv_buf_t *buffer) {
    (void)line, (void)suggested;
    *buffer = uv_buf_init(shared, sizeof shared);
}

static void closed(uv_handle_t *line) { free(line); }

static void written(uv_write_t *request, int result) {
    (void)result;
    free(request);
}

static void echo(uv_stream_t *line, ssize_t got, const uv_buf_t *buffer) {
    if (got == 0) return;
    if (got < 0) {
        uv_close((uv_handle_t *)line, closed);
        return;
    }
    uv_buf_t whole = uv_buf_init(buffer->base, (unsigned)got);
    int taken = uv_try_write(line, &whole, 1);
    if (taken == got) return;
    size_t from = taken > 0 ? (size_t)taken : 0, left = (size_t)got - from;
    struct waiting *waiting = malloc(sizeof *waiting + left);
    if (waiting == NULL) abort();
    memcpy(waiting->bytes, buffer->base + from, left);
    uv_buf_t rest = uv_buf_init(waiting->bytes, (unsigned)left);
    if (uv_write(&waiting->request, line, &rest, 1, written) < 0) free(waiting);
}

static void accepted(uv_stream_t *listener, int result) {
    if (result < 0) return;
    uv_tcp_t *line = malloc(sizeof *line);
    if (line == NULL) abort();
    check(uv_tcp_init(listener->loop, line));
    check(uv_accept(listener, (uv_stream_t *)line));
    check(uv_read_start((uv_stream_t *)line, lend, echo));
}

/* Serves on a descriptor that listens already; does not return. */
void bench_echo(int descriptor) {
    uv_tcp_t listener;
    check(uv_tcp_init(uv_default_loop(), &listener));
    check(uv_tcp_open(&listener, descriptor));
    check(uv_listen((uv_stream_t *)&listener, 4096, accepted));
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
