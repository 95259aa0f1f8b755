/* Loads two plug-ins that each hold liblode.a, all symbols global, while the shared library is in the
 * process, too. Each must work on its own copy, before and after the other is unloaded.
 *
 *   plugin_host PLUGIN PLUGIN
 */
#include "check.h"

#include <dlfcn.h>

typedef const void *plugin_commit(const char *, const char *, int *);

static void *load(const char *path, plugin_commit **commit)
{
    void *plugin = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    REQUIRE(plugin != NULL, "dlopen: %s", dlerror());
    *(void **)commit = dlsym(plugin, "plugin_commit");
    REQUIRE(*commit != NULL, "dlsym: %s", dlerror());
    return plugin;
}

int main(int argc, char **argv)
{
    REQUIRE(argc == 3, "usage: plugin_host PLUGIN PLUGIN");
    char root[256];
    make_root(root);
    lode_store *store = open_store(root);
    plugin_commit *commit[2];
    void *plugins[2] = {load(argv[1], &commit[0]), load(argv[2], &commit[1])};

    const void *code[3] = {(const void *)(size_t)lode_version, NULL, NULL};
    for (int i = 0; i < 2; i++) {
        int committed = 0;
        code[i + 1] = commit[i](root, "events", &committed);
        CHECK(committed, "plug-in %d could not commit", i);
    }
    CHECK(code[0] != code[1] && code[1] != code[2] && code[0] != code[2], "two of the three share a copy of the library");

    CHECK(dlclose(plugins[0]) == 0, "dlclose: %s", dlerror());
    int committed = 0;
    commit[1](root, "events", &committed);
    CHECK(committed, "the second plug-in could not commit once the first was gone");
    CHECK(dlclose(plugins[1]) == 0, "dlclose: %s", dlerror());

    lode_dataset_options options = jsonl_options();
    lode_dataset *dataset = open_dataset(store, "events", &options);
    const char *const record[] = {"{\"a\":2}"};
    lode_snapshot *snapshot = commit_records(dataset, record, 1);
    CHECK(snapshot != NULL, "the shared library could not commit once both were gone");
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    lode_store_free(store);
    remove_tree(root);
    return finish("plugin_host");
}
