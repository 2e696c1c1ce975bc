/*
 * Reads the options of a table from a file, strictly: each byte means what is said here, or it is
 * an error that names the file, the line and the option.
 *
 * A file is UTF-8, of at most FD_OPTION_FILE_MAX bytes. A line ends with LF or CR LF and is blank,
 * a comment after blanks and "#" or ";", a heading "[name]" that means nothing, or "name = value".
 * Blanks (spaces, tabs) around the name, the value and the heading do not count. A value is what it
 * is: there are no quotes, no comments after a value, and no lines that continue another one. No
 * option is set twice. A byte-order mark at the beginning of the file does not count.
 */
#ifndef FD_OPTION_FILE_H
#define FD_OPTION_FILE_H

#include "option_table.h"

enum { FD_OPTION_FILE_MAX = 1 << 20 };

/* Checks the value of one option beyond its kind and bounds. -EINVAL with a fault. */
typedef int fd_option_check(const fd_option_row *row, const void *members, fd_fault *fault);

/* -EINVAL with a fault for wrong content and for anything but a regular file; the error of opening
 * or reading the file, with a fault too; -ENOMEM. */
int fd_option_file_read(const fd_option_table *table, const char *path, fd_option_check *check,
                        void *members, fd_fault *fault) FD_MUST_CHECK;

#endif
