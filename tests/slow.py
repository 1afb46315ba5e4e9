"""Which tests `make test` leaves out, so that CI stays short; `make test-slow` runs them. A beginning of a test's id, up to its parameters.

In here is what takes seconds of computing and looks at something again that another test looks at: walks with axe-core (`make screenshots`
tells what it finds on every page) and with what was planted in every row, most of `make up`'s starts (`.ci/fresh-run` makes one), more
persons of the matrix, a list's every filter, and training models.

And which files come first, since each is one process's work for a minute or more: at the end, the others would wait for them.
"""

LONG = (
    "tests/config/test_up.py",
    "tests/config/matrix/test_matrix.py",
    "tests/gateway/api/test_upstream_errors.py",
    "tests/gateway/stores/test_cluster.py",
)

SLOW = (
    "tests/billing/test_alerts.py::test_the_number_of_queries_does_not_grow_with_the_subjects_or_the_records",
    "tests/browser/test_budgets.py::test_no_page_is_seriously_inaccessible_or_wider_than_a_narrow_screen",
    "tests/browser/test_dashboards.py::test_no_tab_is_seriously_inaccessible_or_too_wide",
    "tests/browser/test_joining.py::test_from_an_invitation_to_a_member_with_a_second_factor",
    "tests/browser/test_joining.py::test_no_page_of_accounts_is_seriously_inaccessible_or_without_its_look",
    "tests/browser/test_onboarding.py::test_the_pages_fit_a_narrow_window_in_the_dark",
    "tests/browser/test_rules.py::test_no_page_is_seriously_inaccessible_or_wider_than_a_narrow_screen",
    "tests/browser/test_shell.py::test_no_page_is_seriously_inaccessible",
    "tests/config/embedded/test_postgres.py::test_a_pid_file_with_no_server_behind_it_does_not_keep_it_from_starting[999999999",
    "tests/config/embedded/test_postgres.py::test_a_pid_file_with_no_server_behind_it_does_not_keep_it_from_starting[]",
    "tests/config/embedded/test_postgres.py::test_data_is_kept_from_one_start_to_the_next",
    "tests/config/matrix/test_matrix.py::test_pages_of_a_console[alice",
    "tests/config/matrix/test_matrix.py::test_pages_of_a_console[bob",
    "tests/config/matrix/test_matrix.py::test_pages_of_a_console[olga",
    "tests/config/matrix/test_matrix.py::test_pages_of_the_operators_site[alice",
    "tests/config/matrix/test_matrix.py::test_pages_of_the_operators_site[bob",
    "tests/config/test_browser_attacks.py::test_no_address_takes_a_form_without_its_token[all",
    "tests/config/test_planted.py::test_no_page_shows_a_secret_or_runs_a_name",
    "tests/config/test_rolling_restart.py",
    "tests/config/test_seed_traffic.py",
    "tests/config/test_up.py::test_a_service_that_dies_ends_everything",
    "tests/config/test_up.py::test_it_ends_with_its_parent_when_asked_to",
    "tests/config/test_up.py::test_it_serves_heals_its_processes_and_ends_in_order_on_ctrl_c",
    "tests/config/test_up.py::test_killing_it_leaves_no_process_and_the_next_start_has_the_same_data",
    "tests/dashboards/alarms/test_a_year_of_rows.py",
    "tests/deploy/test_deploy.py::test_the_image_has_all_that_a_process_loads",
    "tests/e2e/test_hard_stop_stores.py::test_redis_killed_and_restarted_lets_no_more_through[nothing",
    "tests/e2e/test_hard_stop_stores.py::test_redis_killed_and_restarted_lets_no_more_through[the last moment",
    "tests/gateway/admin/test_pages.py::test_every_filter_of_a_list_answers",
    "tests/gateway/caching/verify/test_evaluation.py::test_cross_validates_on_the_sample",
    "tests/gateway/caching/verify/test_evaluation.py::test_replays_a_stream_through_a_gateway_and_its_database",
    "tests/gateway/caching/verify/test_evaluation.py::test_training_writes_a_model_that_loads",
    "tests/gateway/caching/verify/test_evaluation.py::test_trains_a_model_and_says_what_it_has_seen",
    "tests/gateway/caching/verify/test_training.py::test_a_payload_survives_json",
    "tests/gateway/caching/verify/test_training.py::test_only_what_could_be_a_hit_is_labelled_for_thresholds",
    "tests/gateway/caching/verify/test_training.py::test_plain_numbers_score_as_scikit_learn_does",
    "tests/gateway/caching/verify/test_training.py::test_scores_of_pairs_not_trained_on_rank_and_are_probabilities",
    "tests/gateway/caching/verify/test_training.py::test_training_twice_gives_the_same_numbers",
    "tests/gateway/embedders/test_minilm.py::test_the_event_loop_goes_on_while_many_callers_wait",
    "tests/gateway/quality/test_evaluation.py::test_a_trained_file_knows_its_prompts_and_the_shipped_one_does_not_know_the_sample",
    "tests/gateway/quality/test_evaluation.py::test_cross_validates_on_the_sample",
    "tests/gateway/quality/test_evaluation.py::test_trains_on_one_file_and_tests_on_another",
    "tests/gateway/quality/test_versions.py::test_a_worse_model_is_kept_but_not_put_in_force",
    "tests/gateway/quality/test_versions.py::test_held_out_prompts_are_never_trained_on",
    "tests/gateway/quality/test_versions.py::test_nothing_new_trains_nothing",
    "tests/gateway/quality/test_versions.py::test_old_versions_go_and_the_one_in_force_stays",
    "tests/gateway/quality/test_versions.py::test_the_daily_task_trains_who_has_enough",
    "tests/gateway/quality/test_versions.py::test_the_shared_model_learns_from_the_operators_labels_alone",
    "tests/gateway/test_snippets.py::test_each_snippet_makes_the_request[stream",
    "tests/simulator/test_schema_answers.py::test_ends_a_schema_that_requires_itself_without_end",
    "tests/tenants/console/test_isolation.py::test_to_a_stranger_every_page_of_a_console_is_one_that_does_not_exist[post",
    "tests/tenants/console/test_roles.py::test_lists_and_forms_open_as_the_table_says",
    "tests/tenants/test_plain_login.py",
)
