dnl SPDX-License-Identifier: Apache-2.0 OR MIT

dnl CDX_TRY_CFLAGS(VARIABLE, FLAGS)
dnl Appends to VARIABLE each of FLAGS that the C compiler takes without a word.
dnl The user's CFLAGS are left as they are.
AC_DEFUN([CDX_TRY_CFLAGS], [
for cdx_one_flag in m4_normalize([$2]); do
	AS_VAR_PUSHDEF([cdx_cache_name], [cdx_cv_cflag_$cdx_one_flag])
	AC_CACHE_CHECK([whether $CC takes $cdx_one_flag], [cdx_cache_name], [
		cdx_saved_cflags=$CFLAGS
		CFLAGS="$CFLAGS -Werror $cdx_one_flag"
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
			[AS_VAR_SET([cdx_cache_name], [yes])],
			[AS_VAR_SET([cdx_cache_name], [no])])
		CFLAGS=$cdx_saved_cflags
	])
	AS_VAR_IF([cdx_cache_name], [yes], [$1="$$1 $cdx_one_flag"])
	AS_VAR_POPDEF([cdx_cache_name])
done
AC_SUBST([$1])
])

dnl CDX_TRY_LDFLAGS(VARIABLE, FLAGS)
dnl The same for the linker.
AC_DEFUN([CDX_TRY_LDFLAGS], [
for cdx_one_flag in m4_normalize([$2]); do
	AS_VAR_PUSHDEF([cdx_cache_name], [cdx_cv_ldflag_$cdx_one_flag])
	AC_CACHE_CHECK([whether the linker takes $cdx_one_flag], [cdx_cache_name], [
		cdx_saved_ldflags=$LDFLAGS
		LDFLAGS="$LDFLAGS $cdx_one_flag"
		AC_LINK_IFELSE([AC_LANG_PROGRAM()],
			[AS_VAR_SET([cdx_cache_name], [yes])],
			[AS_VAR_SET([cdx_cache_name], [no])])
		LDFLAGS=$cdx_saved_ldflags
	])
	AS_VAR_IF([cdx_cache_name], [yes], [$1="$$1 $cdx_one_flag"])
	AS_VAR_POPDEF([cdx_cache_name])
done
AC_SUBST([$1])
])

dnl CDX_OPTIONAL_MODULE(PREFIX, OPTION, PKG-CONFIG-MODULE, WHAT-FOR)
dnl --with-OPTION=auto|yes|no; "yes" without the module is an error.  Defines
dnl HAVE_PREFIX, and sets with_PREFIX to yes or no for the summary.
AC_DEFUN([CDX_OPTIONAL_MODULE], [
AC_ARG_WITH([$2],
	[AS_HELP_STRING([--with-$2=auto|yes|no], [$4 (auto)])],
	[], [with_$2=auto])
found_$1=no
AS_CASE([$with_$2],
	[no], [],
	[yes], [PKG_CHECK_MODULES([$1], [$3], [found_$1=yes])],
	[PKG_CHECK_MODULES([$1], [$3], [found_$1=yes], [found_$1=no])])
AS_VAR_IF([found_$1], [yes],
	[AC_DEFINE([HAVE_$1], [1], [Define when $3 is there: $4])])
AM_CONDITIONAL([HAVE_$1], [test "x$found_$1" = xyes])
])
