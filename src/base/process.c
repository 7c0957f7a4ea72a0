#include "base/process.h"

atomic_uint process_forks;
