// First the C library as Swift's Glibc has it: otherwise its types belong to this module wherever that is
// loaded first, and files that import only Glibc cannot see their members.
#if __has_feature(modules) && __has_include(<features.h>)
#pragma clang module import SwiftGlibc
#endif

#include <archive.h>
#include <archive_entry.h>
