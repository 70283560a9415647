# SPDX-License-Identifier: Apache-2.0
# stek_fault_test(room/file ROOM target ...): stek_unit_test(), with every call that may fail led
# through tests/support/faults*.c by the linker.
set(STEK_FAULT_SOURCES "")
foreach(part faults faults_memory faults_crypto faults_system fault_sweep)
    list(APPEND STEK_FAULT_SOURCES ${CMAKE_SOURCE_DIR}/tests/support/${part}.c)
endforeach()
# A name that is wrapped in the sources and not listed here does not link.
set(STEK_FAULT_WRAPS
    ASN1_TIME_set BIO_new BIO_new_mem_buf BIO_write_ex EVP_CIPHER_CTX_ctrl EVP_CIPHER_CTX_new
    EVP_CIPHER_fetch EVP_CipherFinal_ex EVP_CipherInit_ex EVP_CipherUpdate EVP_Digest
    EVP_DigestFinal_ex EVP_DigestInit_ex EVP_DigestUpdate EVP_KDF_CTX_new EVP_KDF_derive
    EVP_KDF_fetch EVP_MD_CTX_new EVP_MD_fetch EVP_Q_digest GENERAL_NAMES_new GENERAL_NAME_new
    HMAC_Init_ex PEM_X509_INFO_read_bio PEM_read_bio_PrivateKey PEM_read_bio_X509
    PEM_read_bio_X509_CRL PEM_write_bio_PKCS8PrivateKey PEM_write_bio_X509
    PEM_write_bio_X509_CRL RAND_bytes RAND_priv_bytes SSL_CTX_add_client_CA SSL_CTX_new
    SSL_CTX_set_alpn_protos SSL_CTX_set_ex_data SSL_CTX_set_session_id_context
    SSL_CTX_use_PrivateKey SSL_CTX_use_certificate SSL_SESSION_set1_ticket_appdata SSL_new
    SSL_set1_param SSL_set_SSL_CTX SSL_set_ex_data SSL_set_fd X509_CRL_new X509_CRL_sign
    X509_CRL_sort X509_STORE_CTX_init X509_STORE_CTX_new X509_STORE_add_cert X509_STORE_add_crl
    X509_VERIFY_PARAM_set1_host X509_add1_ext_i2d X509_add_ext X509_new X509_set_issuer_name
    X509_set_pubkey X509_set_version X509_sign accept4 bind calloc chmod connect fchmod fflush
    flock free fstat fstat64 fsync getrandom link listen madvise malloc mkdir mkostemp mkostemp64 mlock
    mmap mprotect munmap open open64 openat openat64 pipe2 pthread_create realloc reallocarray rename renameat
    send sendto socket stat stat64 strdup strndup write
)
list(TRANSFORM STEK_FAULT_WRAPS PREPEND "LINKER:--wrap=")

function(stek_fault_test path)
    cmake_parse_arguments(F "" "TIMEOUT" "ROOM;USES;SOURCES;LABELS" ${ARGN})
    stek_unit_test(${path} ROOM ${F_ROOM} USES ${F_USES} OpenSSL::SSL TIMEOUT ${F_TIMEOUT}
        SOURCES ${F_SOURCES} ${STEK_FAULT_SOURCES} LABELS faults ${F_LABELS})
    string(REPLACE "/" "_" name ${path})
    target_link_options(test_${name} PRIVATE ${STEK_FAULT_WRAPS})
endfunction()
