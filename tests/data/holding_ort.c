// An ONNX Runtime that is slow at will: the real one (REAL), which makes no session of a model with the word HOLD in it
// while the file MARKER is there.
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { ENTRIES = 300, CREATE_SESSION_FROM_ARRAY = 8 };
typedef void *(*Create)(void *, const void *, size_t, void *, void **);
typedef struct {
    const void *(*get_api)(unsigned);
    const char *(*version)(void);
} Base;

static void *table[ENTRIES];
static Create real_create;
static const Base *real;

static void *create(void *env, const void *data, size_t length, void *options, void **out) {
    while (memmem(data, length, "HOLD", 4) != NULL && access(MARKER, F_OK) == 0) usleep(1000);
    return real_create(env, data, length, options, out);
}

static const void *get_api(unsigned version) {
    const void *api = real->get_api(version);
    if (api == NULL) return NULL;
    memcpy(table, api, sizeof table);
    real_create = (Create)table[CREATE_SESSION_FROM_ARRAY];
    table[CREATE_SESSION_FROM_ARRAY] = (void *)create;
    return table;
}

static const char *version(void) { return real->version(); }

const Base *OrtGetApiBase(void) {
    static const Base ours = {get_api, version};
    void *library = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
    real = library ? ((const Base *(*)(void))dlsym(library, "OrtGetApiBase"))() : NULL;
    return real ? &ours : NULL;
}
