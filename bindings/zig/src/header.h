#include <lode.h>
