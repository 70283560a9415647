/* SPDX-License-Identifier: Apache-2.0 */
#include "support/redis_process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#define ARGUMENTS_MAX 24
#define START_MS      10000

static void run_server(const struct redis_process *process, const char *const *arguments)
{
    const char *argv[ARGUMENTS_MAX] = {"redis-server",  "--port",    "0",  "--unixsocket",
                                       process->socket, "--save",    "",   "--dir",
                                       process->folder, "--logfile", "log"};
    union {
        const char *const *in;
        char *const *out; /* execvp() takes them so and changes nothing */
    } cast = {argv};
    size_t count = 11;

    for (size_t i = 0; arguments != NULL && arguments[i] != NULL && count + 1 < ARGUMENTS_MAX;
         i++) {
        argv[count++] = arguments[i];
    }
    /* Should the test die, so does it. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDWR);
    (void)dup2(null, 1);
    (void)execvp(argv[0], cast.out);
    _exit(127);
}

struct redisContext *redis_process_connect(const struct redis_process *process)
{
    return redisConnectUnix(process->socket);
}

void redis_process_start(struct redis_process *process, const char *const *arguments)
{
    (void)snprintf(process->folder, sizeof(process->folder), "/tmp/stek-redis-XXXXXX");
    if (mkdtemp(process->folder) == NULL) {
        abort();
    }
    (void)snprintf(process->socket, sizeof(process->socket), "%s/redis.sock", process->folder);
    process->pid = fork();
    if (process->pid == 0) {
        run_server(process, arguments);
    }
    for (int waited = 0; process->pid > 0 && waited < START_MS; waited += 10) {
        redisContext *redis = redis_process_connect(process);
        int error = redis == NULL ? 1 : redis->err;
        if (redis != NULL) {
            redisFree(redis);
        }
        if (error == 0) {
            return;
        }
        const struct timespec pause = {.tv_nsec = 10000000};
        (void)nanosleep(&pause, NULL);
    }
    (void)fputs("redis-server does not start\n", stderr);
    abort();
}

void redis_process_stop(struct redis_process *process)
{
    char path[96];

    (void)kill(process->pid, SIGKILL);
    (void)waitpid(process->pid, NULL, 0);
    (void)unlink(process->socket);
    (void)snprintf(path, sizeof(path), "%s/log", process->folder);
    (void)unlink(path);
    (void)rmdir(process->folder);
}
