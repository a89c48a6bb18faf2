"""OpenAI's own clients on this host: the tests of the local stack, as they are."""

from tests.e2e.test_openai_node import test_the_node_client_works_unchanged
from tests.e2e.test_openai_python import (
    openai,
    pytestmark,
    test_a_remix_starts_from_a_finished_video,
    test_a_wrong_key_is_an_authentication_error,
    test_an_input_image_is_taken_in_each_way_the_client_has,
    test_create_and_poll_then_each_variant_of_the_content,
    test_create_with_every_option,
    test_delete_takes_the_video_and_the_upstream_copy,
    test_inpaint_items_are_one_json_string,
    test_lists_page_by_themselves,
    test_variants_are_all_kept_and_each_file_plays,
    test_what_a_repeat_cannot_cure_is_asked_once,
    test_what_is_wrong_with_a_request_is_typed,
)

__all__ = [
    "openai",
    "pytestmark",
    "test_a_remix_starts_from_a_finished_video",
    "test_a_wrong_key_is_an_authentication_error",
    "test_an_input_image_is_taken_in_each_way_the_client_has",
    "test_create_and_poll_then_each_variant_of_the_content",
    "test_create_with_every_option",
    "test_delete_takes_the_video_and_the_upstream_copy",
    "test_inpaint_items_are_one_json_string",
    "test_lists_page_by_themselves",
    "test_the_node_client_works_unchanged",
    "test_variants_are_all_kept_and_each_file_plays",
    "test_what_a_repeat_cannot_cure_is_asked_once",
    "test_what_is_wrong_with_a_request_is_typed",
]
