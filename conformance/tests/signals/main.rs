//! L4 and S1 on each driver: signals that are events, and those that end programs. Where the kernel is real, each test runs once
//! more in a process of its own, for signals are the process's.

mod alone;
mod ending;
mod foreign;
mod hearing;
mod simulated;

use ending::*;
use fate::{DriverChoice, Fate};
use fate_conformance::on_each_real_driver;
use hearing::*;
use std::time::Duration;

on_each_real_driver! {
    the_first_signal_stops_in_stages_and_the_program_dies_of_it,
    the_second_signal_kills_while_a_handler_holds_the_loop,
    a_run_until_something_dies_of_the_signal_too,
    what_the_program_awaited_may_end_with_the_shutdown,
    a_signal_that_came_in_the_last_turn_is_not_lost,
    two_fates_on_two_threads_both_shut_down,
    what_a_run_found_is_there_again,
    a_foreign_handler_keeps_its_signal_in_a_run,
    an_ignored_signal_stays_ignored,
    nothing_is_taken_when_told_so_nor_by_a_turn,
    a_signal_that_the_program_hears_is_left_to_it,
    each_arrival_is_told_to_each_listener,
    the_last_listener_puts_back_what_was_there,
    a_foreign_handler_is_called_beside_a_listener,
    a_foreign_handler_on_top_calls_ours_without_end_being_lost,
    what_somebody_else_puts_back_of_ours_does_what_was_done_before,
    a_listener_alone_does_not_keep_a_run_going,
    a_listener_may_keep_a_run_going,
    awaited_signals_are_not_lost_when_the_wait_is,
    a_shutdown_ends_all_listening_and_is_told_of_it,
    a_listener_that_panics_listens_no_more,
    what_cannot_be_heard_is_refused,
    listeners_are_in_the_report,
    many_fates_come_and_go_while_signals_come,
    a_forked_child_does_what_it_did_without_and_disturbs_nobody,
    a_fresh_fate_in_a_forked_child_hears,
}

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A Fate for a thread of its own, where no ground is.
fn fate_on(driver: &str) -> Fate {
    let driver = if driver == "poll" { DriverChoice::Poll } else { DriverChoice::Uring };
    Fate::builder().driver(driver).build().unwrap()
}
