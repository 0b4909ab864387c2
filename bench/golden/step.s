# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
step:
	pushq	%rbp
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%rbx
	movq	%rdi, %rax
	addq	136(%rsi), %rcx
	movq	152(%rsi), %r9
	movq	160(%rsi), %r10
	movq	96(%rsi), %r14
	movq	120(%rsi), %rdi
	movq	%rdi, -40(%rsp)
	movups	104(%rsi), %xmm0
	movaps	%xmm0, -56(%rsp)
	cmpq	$4, %r14
	jne	.LBB18
	movl	$7, %r14d
	cmpq	%r9, %r8
	jae	.LBB21
	andq	%r10, %r9
	leaq	104(%rsi), %rdi
	movl	$4294967295, %r11d
	xorl	%r8d, %r8d
.LBB3:
	movq	%rdx, %rbx
	subq	48(%rsi), %rbx
	cmpb	$0, 228(%rsi)
	je	.LBB7
	cmpq	%r10, %rbx
	jae	.LBB28
	testq	%rcx, %rcx
	jne	.LBB9
	movq	%rdx, %r14
	subq	168(%rsi), %r14
	movq	208(%rsi), %rcx
	movq	(%rcx), %rbx
	movq	$-1, %r15
	jmp	.LBB11
.LBB7:
	movl	%ebx, %ebx
	cmpq	%r10, %rbx
	jae	.LBB28
	testq	%rcx, %rcx
	je	.LBB10
.LBB9:
	movl	224(%rsi), %r12d
	jmp	.LBB14
.LBB10:
	movl	168(%rsi), %ecx
	movl	%edx, %r14d
	subl	%ecx, %r14d
	movq	208(%rsi), %rcx
	movl	(%rcx), %ebx
	movl	$4294967295, %r15d
.LBB11:
	#MEMBARRIER
	testb	$7, %bl
	jne	.LBB29
	movq	%rbx, %rcx
	subq	%rdx, %rcx
	andq	%r15, %rcx
	movl	224(%rsi), %r12d
	movq	%r12, %r13
	subq	%r14, %r13
	cmovbq	%r8, %r13
	cmpq	%r13, %rcx
	ja	.LBB30
	testq	%rcx, %rcx
	je	.LBB33
.LBB14:
	addq	$-8, %r12
	andq	%rdx, %r12
	movq	216(%rsi), %rbx
	movl	(%rbx,%r12), %r12d
	#MEMBARRIER
	testl	%r12d, %r12d
	js	.LBB23
	movl	%r12d, %r14d
	andl	$1073741823, %r14d
	leal	15(%r14), %ebx
	andl	$-8, %ebx
	movq	%rcx, %r15
	subq	%rbx, %r15
	jb	.LBB24
	addq	%rdx, %rbx
	movq	64(%rsi), %rcx
	cmpb	$1, 88(%rsi)
	movb	$2, %bpl
	sbbb	$0, %bpl
	movq	%rdx, 64(%rsi)
	movq	%rcx, 72(%rsi)
	movq	%rbx, 80(%rsi)
	movb	%bpl, 88(%rsi)
	cmpl	$1073741824, %r12d
	jb	.LBB25
	incq	144(%rsi)
	movq	96(%rsi), %r14
	movq	16(%rdi), %rcx
	movq	%rcx, -40(%rsp)
	movups	(%rdi), %xmm0
	movaps	%xmm0, -56(%rsp)
	movq	%rbx, %rdx
	movq	%r15, %rcx
	cmpq	$4, %r14
	je	.LBB3
	jmp	.LBB20
.LBB18:
	movq	%rcx, %r15
.LBB19:
	movq	%rdx, %rbx
.LBB20:
	movq	-40(%rsp), %rcx
	movq	%rcx, -8(%rsp)
	movaps	-56(%rsp), %xmm0
	movaps	%xmm0, -24(%rsp)
	movq	%rbx, %rdx
	movq	%r15, %rcx
.LBB21:
	movq	%rcx, 136(%rsi)
	movq	%rdx, (%rax)
	movq	$0, 8(%rax)
	movq	%rdx, 16(%rax)
	movq	%r14, 24(%rax)
	movaps	-24(%rsp), %xmm0
	movups	%xmm0, 32(%rax)
	movq	-8(%rsp), %rcx
	movq	%rcx, 48(%rax)
.LBB22:
	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	popq	%rbp
	retq
.LBB28:
	movl	$7, %r14d
	jmp	.LBB21
.LBB23:
	movl	$5, %r14d
	jmp	.LBB21
.LBB24:
	cmpb	$0, 228(%rsi)
	movq	$-1, %r8
	cmovneq	%r8, %r11
	movl	$3, %r14d
	movq	%r11, %r15
	movq	%rcx, %r8
	jmp	.LBB32
.LBB25:
	cmpq	$-1, %r9
	je	.LBB34
	xorl	%ecx, %ecx
	jmp	.LBB35
.LBB29:
	movl	$1, %r14d
	jmp	.LBB31
.LBB30:
	movl	$2, %r14d
.LBB31:
.LBB32:
	andq	%rdx, %r15
	movq	%r14, 96(%rsi)
	movq	%rbx, 104(%rsi)
	movq	%rcx, 112(%rsi)
	movq	%r15, 120(%rsi)
	movq	16(%rdi), %rcx
	movq	%rcx, -40(%rsp)
	movups	(%rdi), %xmm0
	movaps	%xmm0, -56(%rsp)
	movq	%r8, %r15
	jmp	.LBB19
.LBB33:
	movl	$6, %r14d
	xorl	%ecx, %ecx
	jmp	.LBB21
.LBB34:
	movq	128(%rsi), %rcx
	cmpq	%r15, %rcx
	cmovaeq	%r15, %rcx
.LBB35:
	subq	%rcx, %r15
	movq	%r15, 136(%rsi)
	movq	%rbx, (%rax)
	movq	%rcx, 8(%rax)
	movq	%rdx, 16(%rax)
	movq	$4, 24(%rax)
	movl	%r14d, 32(%rax)
	jmp	.LBB22
