/* libuv's timers, as cheap as they can be had: handles side by side in memory that the caller provides, initialised once and then
 * started and stopped again and again, closed only at the end.
 *
 * libuv knows only real time, in milliseconds. Before lighting, the loop's idea of the time is set back by the span of the
 * deadlines, so that by the time it is looked at again all of them have passed: burning needs no waiting, and only one turn. The
 * field is visible in the header but is nobody's business; it is touched here alone. */

#include <stdint.h>
#include <stdlib.h>
#include <uv.h>

struct bench {
    uv_loop_t loop;
    struct seat *seats;
    size_t initialised;
    size_t burned;
    size_t out_of_order;
    uint64_t last_deadline;
    uint64_t last_number;
};

/* A handle, and beside it the 24 bytes that its handler needs. */
struct seat {
    uv_timer_t timer;
    struct bench *bench;
    uint64_t deadline;
    uint64_t number;
};

size_t bench_seat_size(void) { return sizeof(struct seat); }

struct bench *bench_open(void *seats) {
    struct bench *bench = calloc(1, sizeof *bench);
    if (bench == NULL || uv_loop_init(&bench->loop) != 0) abort();
    bench->seats = seats;
    return bench;
}

void bench_set_back(struct bench *bench, uint64_t milliseconds) {
    uv_update_time(&bench->loop);
    bench->loop.time -= milliseconds;
}

static void burn(uv_timer_t *timer) {
    struct seat *seat = (struct seat *)timer;
    struct bench *bench = seat->bench;
    if (seat->deadline < bench->last_deadline ||
        (seat->deadline == bench->last_deadline && seat->number < bench->last_number))
        bench->out_of_order++;
    bench->last_deadline = seat->deadline;
    bench->last_number = seat->number;
    bench->burned++;
}

void bench_light(struct bench *bench, size_t number, uint64_t nanoseconds) {
    struct seat *seat = &bench->seats[number];
    if (number >= bench->initialised) {
        uv_timer_init(&bench->loop, &seat->timer);
        bench->initialised = number + 1;
    }
    seat->bench = bench;
    seat->deadline = nanoseconds;
    seat->number = number;
    uv_timer_start(&seat->timer, burn, (nanoseconds + 999999) / 1000000, 0);
}

void bench_cut(struct bench *bench, size_t number) { uv_timer_stop(&bench->seats[number].timer); }

/* Runs until nothing is pending; says how many handlers ran, and how many of them too late, since it was last asked. */
size_t bench_burn(struct bench *bench, size_t *out_of_order) {
    size_t burned;
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    burned = bench->burned;
    *out_of_order = bench->out_of_order;
    bench->burned = bench->out_of_order = bench->last_deadline = bench->last_number = 0;
    return burned;
}

void bench_close(struct bench *bench) {
    size_t number;
    for (number = 0; number < bench->initialised; number++) uv_close((uv_handle_t *)&bench->seats[number].timer, NULL);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&bench->loop) != 0) abort();
    free(bench);
}
