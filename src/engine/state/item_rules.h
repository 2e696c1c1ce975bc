/* What an item and a label may hold, whichever way they come in: by a request, by an import, or in
 * a database of an older program. */
#ifndef FD_ITEM_RULES_H
#define FD_ITEM_RULES_H

#include "macros.h"
#include "store_rows.h"
#include "text_rules.h"

/* -EINVAL, with the name of the member in *ret_member and the reason in `why`. */
int fd_item_rule(const fd_item_row *row, const char **ret_member,
                 char why[static FD_RULE_SIZE]) FD_MUST_CHECK;
int fd_label_rule(const fd_label_row *row, const char **ret_member,
                  char why[static FD_RULE_SIZE]) FD_MUST_CHECK;

#endif
