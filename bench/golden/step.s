# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
step:
	pushq	%rbp
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%rbx
	movq	%rdi, %rax
	addq	456(%rsi), %rcx
	movq	424(%rsi), %r15
	cmpq	$7, %r15
	jne	.LBB21
	movq	472(%rsi), %r11
	cmpq	%r11, %r8
	jae	.LBB2
	movq	480(%rsi), %r10
	movl	$4294967295, %ebx
	movzbl	356(%rsi), %r14d
	negq	%r14
	orq	%rbx, %r14
.LBB4:
	movq	%rdx, %rdi
	subq	360(%rsi), %rdi
	andq	%r14, %rdi
	cmpq	%r10, %rdi
	jae	.LBB2
	testq	%rcx, %rcx
	je	.LBB9
	movl	352(%rsi), %r12d
	addq	$-8, %r12
	movq	%rcx, %r8
	jmp	.LBB7
.LBB9:
	movq	%rdx, %r15
	subq	496(%rsi), %r15
	movq	336(%rsi), %rdi
	movzbl	356(%rsi), %ecx
	testb	%cl, %cl
	je	.LBB10
	movq	(%rdi), %rdi
	movq	$-1, %r9
	jmp	.LBB12
.LBB10:
	movl	(%rdi), %edi
	movl	$4294967295, %r9d
.LBB12:
	#MEMBARRIER
	testb	$7, %dil
	jne	.LBB13
	andq	%r14, %r15
	movq	%rdi, %r8
	subq	%rdx, %r8
	andq	%r9, %r8
	movl	352(%rsi), %r12d
	addq	$-8, %r12
	movq	%r12, %r13
	subq	%r15, %r13
	movl	$0, %ebp
	cmovaeq	%r13, %rbp
	cmpq	%rbp, %r8
	ja	.LBB23
	testq	%r8, %r8
	je	.LBB16
.LBB7:
	movq	344(%rsi), %rcx
	andq	%rdx, %r12
	movl	(%rcx,%r12), %r15d
	#MEMBARRIER
	testl	%r15d, %r15d
	js	.LBB8
	movl	%r15d, %r9d
	andl	$1073741823, %r9d
	leal	15(%r9), %edi
	andl	$-8, %edi
	movq	%r8, %rcx
	subq	%rdi, %rcx
	jb	.LBB28
	addq	%rdx, %rdi
	movups	408(%rsi), %xmm0
	movups	%xmm0, 392(%rsi)
	movq	%rdx, 408(%rsi)
	movq	%rdi, 416(%rsi)
	cmpl	$1073741824, %r15d
	jb	.LBB29
	incq	464(%rsi)
	movq	424(%rsi), %r15
	movq	%rdi, %rdx
	cmpq	$7, %r15
	je	.LBB4
	movq	%rdi, %rdx
.LBB21:
	movq	432(%rsi), %rdi
	movq	440(%rsi), %r8
	movq	448(%rsi), %r9
	jmp	.LBB22
.LBB2:
	movl	$10, %r15d
.LBB22:
	movq	%rcx, 456(%rsi)
	movq	%rdx, (%rax)
	movq	$0, 8(%rax)
	movq	%rdx, 16(%rax)
	movq	%r15, 24(%rax)
	movq	%rdi, 32(%rax)
	movq	%r8, 40(%rax)
	movq	%r9, 48(%rax)
.LBB33:
	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	popq	%rbp
	retq
.LBB8:
	movl	$8, %r15d
	movq	%r8, %rcx
	jmp	.LBB22
.LBB28:
	cmpb	$0, 356(%rsi)
	movq	$-1, %rcx
	cmovneq	%rcx, %rbx
	movl	$4, %r15d
	movq	%rbx, %r9
	movq	%r8, %rcx
	jmp	.LBB35
.LBB29:
	cmpq	$-1, %r11
	je	.LBB31
	xorl	%r8d, %r8d
	jmp	.LBB32
.LBB13:
	movl	$1, %r15d
	xorl	%ecx, %ecx
	jmp	.LBB35
.LBB23:
	movq	%rdx, %r8
	subq	%r15, %r8
	andq	%r9, %r8
	movq	328(%rsi), %r10
	testb	%cl, %cl
	je	.LBB25
	movq	(%r10), %r10
	jmp	.LBB26
.LBB16:
	movl	$9, %r15d
	xorl	%ecx, %ecx
	jmp	.LBB22
.LBB31:
	movq	%rdi, %r8
	subq	360(%rsi), %r8
	andq	%r14, %r8
	xorl	%r11d, %r11d
	subq	%r8, %r10
	cmovaeq	%r10, %r11
	leaq	-512(%rcx), %r8
	cmpb	$0, (%rsi)
	cmoveq	%rcx, %r8
	cmpq	$1025, %rcx
	cmovbq	%rcx, %r8
	movq	16(%rsi), %r10
	cmpq	%r8, %r10
	cmovbq	%r10, %r8
	cmpq	%r8, %r11
	cmovbq	%r11, %r8
.LBB32:
	subq	%r8, %rcx
	movq	%rcx, 456(%rsi)
	movq	%rdi, (%rax)
	movq	%r8, 8(%rax)
	movq	%rdx, 16(%rax)
	movq	$7, 24(%rax)
	movl	%r9d, 32(%rax)
	jmp	.LBB33
.LBB25:
	movl	(%r10), %r10d
.LBB26:
	cmpq	%r8, %r10
	jne	.LBB27
	movl	$2, %r15d
	xorl	%ecx, %ecx
	jmp	.LBB35
.LBB27:
	movl	$5, %r15d
	xorl	%ecx, %ecx
	movq	%r10, %rdi
.LBB35:
	andq	%rdx, %r9
	movq	%r15, 424(%rsi)
	movq	%rdi, 432(%rsi)
	movq	%r8, 440(%rsi)
	movq	%r9, 448(%rsi)
	jmp	.LBB22
