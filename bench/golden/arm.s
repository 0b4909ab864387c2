# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
arm_rust:
	movl	$4294967295, %edx
	movq	48(%rdi), %rcx
	movzbl	228(%rdi), %esi
	movq	%rsi, %rax
	negq	%rax
	orq	%rdx, %rax
	andq	%rcx, %rax
	cmpq	%rax, 168(%rdi)
	je	.LBB5
	movq	200(%rdi), %r8
	testb	%sil, %sil
	je	.LBB3
	movq	%rax, (%r8)
	jmp	.LBB4
.LBB3:
	movl	%ecx, (%r8)
.LBB4:
	movq	%rax, 168(%rdi)
.LBB5:
	lock		orl	$0, -64(%rsp)
	cmpq	$4, 96(%rdi)
	jne	.LBB12
	movq	48(%rdi), %rcx
	movzbl	228(%rdi), %eax
	testb	%al, %al
	movq	$-1, %rsi
	cmoveq	%rdx, %rsi
	cmpq	$0, 56(%rdi)
	je	.LBB13
	movl	224(%rdi), %r8d
.LBB8:
	addq	$-8, %r8
	andq	%rcx, %r8
	movq	216(%rdi), %rax
	movl	(%rax,%r8), %ecx
	#MEMBARRIER
	movb	$1, %dl
	testl	%ecx, %ecx
	js	.LBB16
	movl	%ecx, %eax
	andl	$1073741823, %eax
	addl	$15, %eax
	andl	$-8, %eax
	cmpq	%rax, 56(%rdi)
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
	subq	168(%rdi), %r8
	movq	208(%rdi), %r9
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
	movl	224(%rdi), %r8d
	xorl	%edx, %edx
	movq	%r8, %r10
	subq	%rsi, %r10
	movl	$0, %esi
	cmovaeq	%r10, %rsi
	cmpq	%rsi, %r9
	ja	.LBB11
	movq	%r9, 56(%rdi)
	testq	%r9, %r9
	jne	.LBB8
	movb	$1, %dl
	xorl	%eax, %eax
	cmpl	$2, %eax
	setne	%al
	andb	%dl, %al
	retq
