/* SPDX-License-Identifier: Apache-2.0 */
/* Throw-away Ed25519 certificates, the same in every run: a CA, a daemon's certificate and its key,
 * sound at PEM_SOUND_NOW. Made once with the openssl command; they guard nothing. */
#ifndef STEK_TESTS_FUZZ_PEM_SOUND_H
#define STEK_TESTS_FUZZ_PEM_SOUND_H

#include <stdint.h>

#define PEM_SOUND_NOW INT64_C(1800000000000)

static const char pem_sound_ca[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBVzCCAQmgAwIBAgIUWnSQMfUZ6DRd+vPxPree1xzFP/YwBQYDK2VwMBkxFzAV\n"
    "BgNVBAMMDmZ1enogYXV0aG9yaXR5MB4XDTI2MTEyODE1MjI0NVoXDTQ2MTEyMzE1\n"
    "MjI0NVowGTEXMBUGA1UEAwwOZnV6eiBhdXRob3JpdHkwKjAFBgMrZXADIQAwP4e3\n"
    "KFQqrkO6Lr66ageicyTDtuVT2D+IJmME4G+eqqNjMGEwHQYDVR0OBBYEFOYnBsKs\n"
    "1DzrfRReKF4jOZYoulixMB8GA1UdIwQYMBaAFOYnBsKs1DzrfRReKF4jOZYoulix\n"
    "MA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMAUGAytlcANBANPqeEps\n"
    "1sRK4IJfJYKjyT2ovXoVOwnF4TuHUlhxnnGYyzbgurez7TeXi5DzEaG3m15qnuf8\n"
    "VWXqzARXkArVBg8=\n"
    "-----END CERTIFICATE-----\n";

static const char pem_sound_cert[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBjzCCAUGgAwIBAgIUbRRyK9OPBpidOCtRrszdTO6/av0wBQYDK2VwMBkxFzAV\n"
    "BgNVBAMMDmZ1enogYXV0aG9yaXR5MB4XDTI2MTEyODE1MjI0NVoXDTQ2MTEyMjE1\n"
    "MjI0NVowEDEOMAwGA1UEAwwFc3Rla2QwKjAFBgMrZXADIQADq7J1Uouf4uSQpTSn\n"
    "dmFlO3aB56l7xH4C8yEOgGd5kaOBozCBoDAyBgNVHREEKzApgglsb2NhbGhvc3SG\n"
    "HHNwaWZmZTovL2V4YW1wbGUub3JnL3N0ZWtkLzEwHQYDVR0lBBYwFAYIKwYBBQUH\n"
    "AwEGCCsGAQUFBwMCMAsGA1UdDwQEAwIHgDAdBgNVHQ4EFgQUpu+rVXZ1k7XztdEY\n"
    "yfR/8E4rVgYwHwYDVR0jBBgwFoAU5icGwqzUPOt9FF4oXiM5lii6WLEwBQYDK2Vw\n"
    "A0EA18W3NdlOP65XZehG+bwedUSFMW4j6qSfUjRnMMSTovgQ9IwjYsVdOoeHqvB2\n"
    "+0BK8Q9gupw+qSo+jK+j67yeDQ==\n"
    "-----END CERTIFICATE-----\n";

static const char pem_sound_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIM8Rx+eCU/ZOoEPQ2izI1vIdkaBfP5K0vKh6+p/LbXg3\n"
    "-----END PRIVATE KEY-----\n";

#endif
