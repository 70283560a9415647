/* SPDX-License-Identifier: Apache-2.0 */
#include "src/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long a stop may wait for a thread that stands by: a mutex cannot be polled. */
#define STANDBY_SLICE_MS 200
#define NO_MEMORY_MS     1000
#define STACK_SIZE       ((size_t)512 * 1024)

struct driver {
    struct pilot_config config;
    pthread_t thread;
    int stop[2];       /* a pipe: its inode tells a forked child whether it is still ours */
    ino_t stop_inodes; /* both ends have the same */
    _Atomic bool is_stopping;
    _Atomic int link_fd; /* for driver_forget() */
    _Atomic uint64_t link_inode;
};

static ino_t inode_of(int fd)
{
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static void note_link(struct driver *driver, const struct pilot *pilot)
{
    const int fd = pilot_fd(pilot);
    if (fd != atomic_load(&driver->link_fd)) {
        atomic_store(&driver->link_inode, (uint64_t)inode_of(fd));
        atomic_store(&driver->link_fd, fd);
    }
}

static void drive(struct driver *driver, struct pilot *pilot)
{
    bool is_ready = false;
    while (!atomic_load(&driver->is_stopping)) {
        pilot_step(pilot, is_ready);
        note_link(driver, pilot);
        struct pollfd wait[2] = {
            {.fd = driver->stop[0], .events = POLLIN},
            {.fd = pilot_fd(pilot), .events = pilot_wants(pilot)},
        };
        const int ready = poll(wait, 2, pilot_timeout_ms(pilot));
        is_ready = ready > 0 && wait[1].revents != 0;
    }
}

/* Holds the role. */
static void reign(struct driver *driver)
{
    struct pilot *pilot = NULL;
    if (getrandom(&driver->config.seed, sizeof(driver->config.seed), GRND_NONBLOCK) < 0) {
        driver->config.seed = (uint64_t)getpid();
    }
    if (pilot_new(&driver->config, &pilot) != ERR_OK) {
        /* Somebody else may have the memory: give up the role, and do not take it back at once. */
        struct pollfd wait = {.fd = driver->stop[0], .events = POLLIN};
        ringmap_resign(driver->config.map);
        (void)poll(&wait, 1, NO_MEMORY_MS);
        return;
    }
    drive(driver, pilot);
    atomic_store(&driver->link_fd, -1);
    pilot_free(pilot);
    ringmap_resign(driver->config.map);
}

static void *run(void *arg)
{
    struct driver *driver = arg;
    (void)pthread_setname_np(pthread_self(), "stek");
    while (!atomic_load(&driver->is_stopping)) {
        if (ringmap_campaign(driver->config.map, STANDBY_SLICE_MS)) {
            reign(driver);
        }
    }
    return NULL;
}

/* The new thread inherits the mask: the application's signals are never delivered to it. */
static int start_thread(struct driver *driver)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    int rc = pthread_attr_init(&attributes);
    if (rc != 0) {
        return rc;
    }
    rc = pthread_attr_setstacksize(&attributes, STACK_SIZE);
    if (rc == 0) {
        rc = pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    if (rc == 0) {
        rc = pthread_create(&driver->thread, &attributes, run, driver);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    (void)pthread_attr_destroy(&attributes);
    return rc;
}

static void close_stop(struct driver *driver)
{
    for (size_t i = 0; i < 2; i++) {
        if (driver->stop[i] >= 0 && inode_of(driver->stop[i]) == driver->stop_inodes) {
            (void)close(driver->stop[i]);
        }
    }
}

enum err driver_start(const struct pilot_config *config, struct driver **out_driver)
{
    struct driver *driver = calloc(1, sizeof(*driver));
    if (driver == NULL) {
        return ERR_NOMEM;
    }
    driver->config = *config;
    driver->link_fd = -1;
    if (pipe2(driver->stop, O_CLOEXEC | O_NONBLOCK) != 0) {
        free(driver);
        return ERR_IO;
    }
    driver->stop_inodes = inode_of(driver->stop[0]);
    if (start_thread(driver) != 0) {
        close_stop(driver);
        free(driver);
        return ERR_IO;
    }
    *out_driver = driver;
    return ERR_OK;
}

void driver_stop(struct driver *driver)
{
    if (driver == NULL) {
        return;
    }
    atomic_store(&driver->is_stopping, true);
    const ssize_t written = write(driver->stop[1], "", 1);
    (void)written; /* a full pipe wakes it just as well */
    (void)pthread_join(driver->thread, NULL);
    close_stop(driver);
    free(driver);
}

void driver_forget(struct driver *driver)
{
    if (driver == NULL) {
        return;
    }
    /* An application may have closed everything and use the numbers for its own files. Otherwise
     * this copy of the socket would make the daemon believe that a dead parent still listens. */
    const int fd = atomic_load(&driver->link_fd);
    if (fd >= 0 && (uint64_t)inode_of(fd) == atomic_load(&driver->link_inode)) {
        (void)close(fd);
    }
    close_stop(driver);
    free(driver);
}
