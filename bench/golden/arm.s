# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
arm_rust:
	movl	$4294967295, %edx
	movq	112(%rdi), %rcx
	movzbl	212(%rdi), %esi
	movq	%rsi, %rax
	negq	%rax
	orq	%rdx, %rax
	andq	%rcx, %rax
	cmpq	%rax, 152(%rdi)
	je	.LBB5
	movq	184(%rdi), %r8
	testb	%sil, %sil
	je	.LBB3
	movq	%rax, (%r8)
	jmp	.LBB4
.LBB3:
	movl	%ecx, (%r8)
.LBB4:
	movq	%rax, 152(%rdi)
.LBB5:
	lock		orl	$0, -64(%rsp)
	cmpq	$4, (%rdi)
	jne	.LBB12
	movq	112(%rdi), %rcx
	movzbl	212(%rdi), %eax
	testb	%al, %al
	movq	$-1, %rsi
	cmoveq	%rdx, %rsi
	cmpq	$0, 120(%rdi)
	je	.LBB13
	movl	208(%rdi), %r8d
.LBB8:
	addq	$-8, %r8
	andq	%rcx, %r8
	movq	200(%rdi), %rax
	movl	(%rax,%r8), %ecx
	#MEMBARRIER
	movb	$1, %dl
	testl	%ecx, %ecx
	js	.LBB16
	movl	%ecx, %eax
	andl	$1073741823, %eax
	addl	$15, %eax
	andl	$-8, %eax
	cmpq	%rax, 120(%rdi)
	jb	.LBB10
	shlq	$32, %rcx
	orq	$2, %rcx
	movq	%rcx, %rax
.LBB11:
	cmpl	$2, %eax
	setne	%al
	andb	%dl, %al
	retq
.LBB12:
	xorl	%eax, %eax
	retq
.LBB13:
	movq	%rcx, %r8
	subq	152(%rdi), %r8
	movq	192(%rdi), %r9
	testb	%al, %al
	je	.LBB18
	movq	(%r9), %rax
	movq	$-1, %rdx
	#MEMBARRIER
	testb	$7, %al
	je	.LBB19
.LBB10:
	xorl	%edx, %edx
	cmpl	$2, %eax
	setne	%al
	andb	%dl, %al
	retq
.LBB16:
	movl	$1, %eax
	cmpl	$2, %eax
	setne	%al
	andb	%dl, %al
	retq
.LBB18:
	movl	(%r9), %eax
	#MEMBARRIER
	testb	$7, %al
	jne	.LBB10
.LBB19:
	andq	%r8, %rsi
	movq	%rax, %r9
	subq	%rcx, %r9
	andq	%rdx, %r9
	movl	208(%rdi), %r8d
	xorl	%edx, %edx
	movq	%r8, %r10
	subq	%rsi, %r10
	movl	$0, %esi
	cmovaeq	%r10, %rsi
	cmpq	%rsi, %r9
	ja	.LBB11
	movq	%r9, 120(%rdi)
	testq	%r9, %r9
	jne	.LBB8
	movb	$1, %dl
	xorl	%eax, %eax
	cmpl	$2, %eax
	setne	%al
	andb	%dl, %al
	retq
