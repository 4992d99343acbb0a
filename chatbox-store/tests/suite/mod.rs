//! What every store must do: named scenarios, and random steps compared with the model.
//!
//! A test file names its store by a function `async fn open() -> (Arc<dyn Store>, Guard)`, which gives an empty store
//! and whatever has to live as long as it, and calls `every_scenario!(open)`.
//!
//! Ids are part of what is compared: a row's place in the log follows commit order without holes; chats, sessions and
//! deliveries are numbered from 1 in order of their making, and no number is used twice.

pub(crate) mod accepting;
pub(crate) mod admin;
pub(crate) mod focus;
pub(crate) mod happening;
pub(crate) mod house;
pub(crate) mod linking;
pub(crate) mod pushing;
pub(crate) mod random;
pub(crate) mod reading;
pub(crate) mod records;
pub(crate) mod sealing;
pub(crate) mod sending;
pub(crate) mod turns;

/// One test per scenario.
#[macro_export]
macro_rules! every_scenario {
    ($open:path) => {
        $crate::scenarios! { $open;
            accepting::an_event_becomes_a_row,
            accepting::a_repetition_is_recognised_in_a_batch_and_across,
            accepting::a_repetition_moves_the_cursor,
            accepting::a_skip_moves_the_cursor,
            accepting::an_old_policy_is_stale_for_its_event_only,
            accepting::rows_of_a_batch_keep_their_order,
            accepting::one_person_has_one_session_over_chats_and_reconnects,
            accepting::a_group_is_its_own_session,
            accepting::context_wakes_nobody_and_is_read_with_the_next_message,
            accepting::a_pulling_mailbox_has_no_lane,
            accepting::a_lane_is_taken_for_a_row_alone_or_not,
            accepting::an_offer_takes_the_lane_once,
            accepting::an_album_waits_for_its_last_part,
            accepting::files_delay_the_lane_until_the_last_is_settled,
            accepting::files_of_an_old_version_delay_nobody,
            accepting::files_that_arrive_during_a_turn_delay_the_next,
            accepting::the_newest_version_is_read,
            accepting::an_edit_of_what_we_sent_is_recognised_by_its_receipt,
            accepting::what_was_taken_back_stays_taken_back,
            linking::a_connection_is_read_by_one_at_a_time,
            linking::who_lost_the_connection_takes_nothing_in,
            linking::a_removed_connection_is_nobodys,
            focus::a_switch_consumes_and_remembers_what,
            focus::what_comes_into_the_focal_chat_is_seen,
            focus::a_switch_to_no_chat_of_the_mailbox_is_stale,
            focus::an_overview_counts_what_others_said,
            focus::a_mailbox_is_read_with_the_chat_it_looks_at,
            focus::news_is_what_others_did_where_somebody_wants_to_hear,
            pushing::every_message_is_handed_in_order,
            pushing::a_hand_out_that_ended_hands_over,
            pushing::too_many_failures_in_a_row_pause,
            pushing::an_offer_takes_the_push_lane_once,
            pushing::what_waits_longer_is_not_taken_by_an_offer,
            pushing::a_muted_chat_is_kept_and_not_handed,
            pushing::what_is_not_pushed_any_more_is_superseded,
            pushing::a_hand_out_that_failed_can_be_sent_again,
            pushing::a_backlog_is_counted_whole_and_by_its_owner,
            records::a_record_is_decided_on_its_revision,
            records::a_credential_in_use_stays,
            records::changes_that_go_together_are_all_made_or_none,
            records::a_reply_is_remembered_once,
            records::who_did_what_is_written_down,
            records::an_archived_mailbox_hears_nothing_and_frees_its_name,
            records::a_token_belongs_to_its_account,
            happening::a_new_chat_is_told_once_in_its_account,
            happening::what_failed_and_what_paused_is_told,
            happening::a_switch_and_a_link_are_told,
            happening::too_many_are_dropped_and_counted,
            happening::a_subscription_is_paused_by_its_own_failures,
            sealing::every_sealed_value_is_found_and_says_its_key,
            sealing::a_value_is_resealed_only_as_it_was_read,
            turns::a_turn_hands_over_and_rests,
            turns::a_stale_fence_writes_nothing,
            turns::an_expired_lease_is_taken_with_the_next_fence,
            turns::a_renewed_lease_is_kept,
            turns::a_message_between_claim_and_commit_is_not_lost,
            turns::a_race_of_accepts_and_commits_loses_nothing,
            turns::again_hands_nothing_over_and_counts,
            turns::a_released_turn_was_no_attempt,
            turns::a_poisoned_message_alone_is_buried,
            turns::a_failed_turn_hands_over_and_says_so,
            turns::a_mailbox_lane_takes_its_oldest_chat_first,
            turns::the_lane_due_first_is_taken_first,
            turns::deleted_before_its_turn_is_left_out,
            turns::an_unknown_chat_among_the_replies_stops_all_of_them,
            turns::a_new_scope_loses_no_message,
            turns::what_a_turn_says_on_the_way_needs_its_fence,
            sending::parts_wait_in_order_and_are_settled,
            sending::the_same_key_says_it_once,
            sending::an_unknown_chat_is_stale,
            sending::every_end_of_a_delivery_is_told,
            sending::a_retry_gives_the_lane_back_and_counts,
            sending::a_release_counts_nothing,
            sending::a_settle_needs_the_fence_and_an_open_delivery,
            sending::custody_is_found_by_the_next_holder,
            sending::a_failed_delivery_is_sent_once_more,
            sending::dead_deliveries_are_purged,
            sending::what_we_take_back_reads_as_taken_back,
            admin::a_mailbox_name_is_unique_in_its_account,
            admin::a_platform_account_is_connected_once,
            admin::a_removed_connection_is_silent,
            admin::a_credential_is_replaced,
            admin::a_policy_is_decided_on_its_revision,
            admin::a_chat_moves,
            admin::a_token_is_kept_and_forgotten,
            admin::state_is_written_by_compare_and_swap,
            admin::ended_leases_can_be_taken,
            reading::positions_move_forward_only,
            reading::history_goes_back_in_pages,
            reading::the_chat_with_the_newest_row_is_first,
            reading::search_finds_whole_words_in_the_newest_version,
            reading::a_trace_tells_the_whole_story,
            reading::a_trace_tells_of_lost_and_repeated_turns,
            reading::the_clock_moves_forward,
            reading::odd_text_survives,
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! scenarios {
    ($open:path; $($group:ident :: $name:ident),* $(,)?) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (store, _guard) = $open().await;
            $crate::suite::$group::$name(store).await;
        }
    )* };
}
