// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <curl/curl.h>

// libcurl's option and information calls are variadic, which Swift cannot call; these name the types that are used.

static inline CURLcode sotto_curl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode sotto_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode sotto_curl_set_size(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode sotto_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode sotto_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}

typedef size_t (*sotto_curl_write)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode sotto_curl_set_write(CURL *handle, CURLoption option, sotto_curl_write callback) {
    return curl_easy_setopt(handle, option, callback);
}

static inline CURLcode sotto_curl_status(CURL *handle, long *status) {
    return curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, status);
}

typedef int (*sotto_curl_progress)(void *context, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

static inline CURLcode sotto_curl_set_progress(CURL *handle, sotto_curl_progress callback) {
    return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, callback);
}
